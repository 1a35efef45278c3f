import { type SubmitEvent, useState } from 'react';
import { useStartTask, useTask } from 'nestjs-streaming/react';
import { Button } from './button.js';
import { answers } from './streaming.js';
import { useId } from './use-id.js';

/** A text that comes word by word. Stop ends the work on the server, and not only what is shown of it. */
export function Answer() {
  const [id, setId] = useId('answer');
  const [question, setQuestion] = useState('What is a task?');
  const start = useStartTask(answers);
  const answer = useTask(answers, id, {
    // A page that comes late begins with the text so far, and each token then adds to it.
    from: 'state',
    initial: { text: '' },
    reduce: (state, event) => (event.type === 'token' ? { text: state.text + event.data.text } : state),
  });
  const isRunning = id !== null && !answer.outcome && !answer.error;

  const ask = (event: SubmitEvent): void => {
    event.preventDefault();
    void start.run({ question }).then((run) => setId(run.id), ignore);
  };

  return (
    <section aria-labelledby="answer">
      <h2 id="answer">Ask</h2>
      <form onSubmit={ask}>
        <label>
          Question
          <input value={question} onChange={(event) => setQuestion(event.target.value)} />
        </label>
        <Button type="submit" isOff={start.pending || isRunning}>
          Ask
        </Button>
        <Button isOff={!isRunning || answer.cancellation !== undefined} onPress={() => answer.cancel()}>
          Stop
        </Button>
      </form>
      <p role="alert">
        {start.error ? (start.fields['question']?.join(', ') ?? start.error.message) : answer.error?.message}
      </p>
      {id !== null && (
        <>
          <div className="answer" role="group" aria-label="Answer">
            {answer.state?.text}
          </div>
          <p className="state" role="status">
            {answer.outcome && endOf(answer.outcome.status)}
            {isRunning && `${answer.cancellation?.phase ?? 'writing'} …`}
          </p>
        </>
      )}
    </section>
  );
}

function endOf(status: string): string {
  switch (status) {
    case 'completed':
      return 'That is all.';
    case 'cancelled':
      return 'Stopped.';
    case 'gone':
      return 'The server does not know this answer any more.';
    default:
      return `It ended: ${status}.`;
  }
}

/** The hook shows the error. */
function ignore(): void {}
