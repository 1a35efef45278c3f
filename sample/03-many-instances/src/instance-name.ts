/** What this instance is called on the page. */
export const instanceName = process.env['INSTANCE'] ?? 'one';
