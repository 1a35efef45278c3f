/** The most frequent first. Some are outside of ASCII, so that a chunk may end inside a character. */
const commonWords =
  `the of and a to in is that was it for on with he as his they be at one have this from or had by hot
but some what there we can out other were all your when up use word how said an each she which do their time if will way
about many then them would write like so these her long make thing see him two has look more day could go come did my
sound no most number who over know water than call first people may down side been now find any new work part take get
place made live where after back little only round man year came show every good me give our under name very through just
form much great think say help low line before turn cause same mean differ move right boy old too does tell sentence set
three want air well also play small end put home read hand port large spell add even land here must big high such follow
act why ask men change went light kind off need house picture try us again animal point mother world near build self
earth father don't it's isn't café naïve façade über größe señor ångström`.split(/\s+/);

const syllables = 'ba ce di fo gu ha ke li mo nu pa ra se ti vo wa ye zu bré lün dør'.split(' ');

/** How many different words there are. */
const vocabularySize = 4_000;
const seed = 20_240_229;
const pieceLength = 64 * 1024;

/**
 * A text of at least so many bytes (of UTF-8), in pieces; the same on every machine.
 */
export function* corpusText(bytes: number): Generator<string> {
  const random = mulberry32(seed);
  const words = vocabulary(random);
  // Like any language: few words are most of the text.
  const nextWord = (): string => words[Math.floor(words.length * random() ** 3)] as string;
  let done = 0;
  while (done < bytes) {
    let piece = '';
    while (piece.length < pieceLength && done + piece.length < bytes) piece += paragraph(random, nextWord);
    done += Buffer.byteLength(piece);
    yield piece;
  }
}

function paragraph(random: () => number, nextWord: () => string): string {
  let text = '';
  for (let sentences = 3 + Math.floor(random() * 5); sentences > 0; sentences--) {
    const first = nextWord();
    text += first.charAt(0).toUpperCase() + first.slice(1);
    for (let words = 4 + Math.floor(random() * 14); words > 0; words--) {
      text += (random() < 0.08 ? ', ' : ' ') + nextWord();
    }
    text += sentences > 1 ? '. ' : '.\n';
  }
  return text;
}

function vocabulary(random: () => number): string[] {
  const words = new Set(commonWords);
  while (words.size < vocabularySize) {
    let word = '';
    for (let length = 2 + Math.floor(random() * 3); length > 0; length--) {
      word += syllables[Math.floor(random() * syllables.length)] as string;
    }
    words.add(word);
  }
  return [...words];
}

/** A small generator of numbers from 0 to below 1 that a seed determines. */
function mulberry32(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
