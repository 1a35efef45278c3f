/** Whether an event comes behind another. The ids of a task count up until the task is started anew. */
export function isBehind(id: string, position: string): boolean {
  const [epoch, count] = id.split('-');
  const [before, from] = position.split('-');
  return id !== '' && (epoch !== before || Number(count) > Number(from));
}
