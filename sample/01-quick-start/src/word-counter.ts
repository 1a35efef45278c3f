/** An apostrophe inside a word belongs to it. */
const word = /[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu;
/** Text without any space is cut here, at the price of a word: it must not pile up. */
const longestRest = 64 * 1024;
/** Nothing longer is remembered as a word. */
const longestWord = 64;
/** How many different words are remembered. */
const mostWords = 500_000;

export interface WordTotal {
  readonly word: string;
  readonly count: number;
}

/** Counts the words of a text that comes in pieces, cut anywhere, in memory that does not grow with the text. */
export class WordCounter {
  #words = 0;
  #rest = '';
  #rare = 1;
  readonly #counts = new Map<string, number>();

  /** All words so far, but for one that may go on in the next piece. */
  get words(): number {
    return this.#words;
  }

  add(piece: string): void {
    const text = this.#rest + piece;
    // The last word may go on in the next piece.
    const lastSpace = Math.max(text.lastIndexOf(' '), text.lastIndexOf('\n'));
    const end = text.length - lastSpace > longestRest ? text.length : lastSpace + 1;
    this.#rest = text.slice(end);
    this.#count(text.slice(0, end));
  }

  /** No more comes. */
  finish(): void {
    this.#count(this.#rest);
    this.#rest = '';
  }

  top(most: number): WordTotal[] {
    return [...this.#counts]
      .map(([text, count]) => ({ word: text, count }))
      .toSorted((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
      .slice(0, most);
  }

  #count(text: string): void {
    for (const [found] of text.toLowerCase().matchAll(word)) {
      this.#words++;
      if (found.length <= longestWord) this.#counts.set(found, (this.#counts.get(found) ?? 0) + 1);
    }
    while (this.#counts.size > mostWords) this.#forgetRareWords();
  }

  /** What was seen least has no chance to be among the most frequent. */
  #forgetRareWords(): void {
    for (const [text, count] of this.#counts) if (count <= this.#rare) this.#counts.delete(text);
    if (this.#counts.size > mostWords / 2) this.#rare *= 2;
  }
}
