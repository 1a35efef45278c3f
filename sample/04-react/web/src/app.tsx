import { Answer } from './answer.js';
import { Import } from './import.js';
import { TaskTable } from './task-table.js';

export function App() {
  return (
    <>
      <header>
        <h1>Tasks in React</h1>
        <p>Reload the page in the middle of something: what runs goes on, and so does what you see.</p>
      </header>
      <main>
        <Answer />
        <Import />
        <TaskTable />
      </main>
    </>
  );
}
