/** The forms of inputs, in a real browser: of a schema of zod, of a class of class-validator, and where there is none. */
import { expect, it, jest } from '@jest/globals';
import { Type } from 'class-transformer';
import {
  IsArray,
  IsBoolean,
  IsEnum,
  IsInt,
  IsOptional,
  IsString,
  Min,
  ValidateNested,
} from 'class-validator';
import { z } from 'zod';
import { handlerTask } from '../support/app.js';
import { describePages } from './page-app.js';
import { createDashboardApp } from './support.js';

jest.setTimeout(120_000);

class Box {
  @IsInt()
  @Min(1)
  width!: number;
}

class Order {
  @IsString()
  customer!: string;

  @IsOptional()
  @IsEnum(['post', 'courier'])
  by?: string;

  @IsBoolean()
  isGift = true;

  @IsArray()
  @IsString({ each: true })
  items!: string[];

  @ValidateNested()
  @Type(() => Box)
  box!: Box;
}

const person = z.object({ name: z.string(), tags: z.array(z.string()).optional() });
const zoned = z.object({
  title: z.string(),
  sizes: z.array(z.number()),
  level: z.union([z.literal(1), z.literal(2)]),
  color: z.enum(['red', 'green']).nullable(),
  author: person.extend({ home: z.object({ city: z.string(), zip: z.number().optional() }) }),
  editor: person.optional(),
  reviewer: person.optional(),
  extra: z.record(z.string(), z.number()).optional(),
});

const tree = z.object({
  name: z.string(),
  get left() {
    return tree.optional();
  },
  get others() {
    return z.array(tree).optional();
  },
});

const echo = (name: string, input: Parameters<typeof handlerTask>[1] & object) =>
  handlerTask((task) => task.input, { name, ...input });

describePages('the form of an input', (openPage) => {
  const createApp = async () => {
    const types = [
      echo('Zoned', { input: zoned }),
      echo('Tree', { input: tree }),
      echo('Order', { input: Order }),
      echo('Any', {}),
      echo('Odd', {
        input: z.discriminatedUnion('kind', [
          z.object({ kind: z.literal('a') }),
          z.object({ kind: z.literal('b'), n: z.number() }),
        ]),
      }),
    ];
    const app = await createDashboardApp({
      tasks: types,
      forceCloseConnections: true,
      dashboard: { access: () => true, by: () => 'ada' },
    });
    const valueOf = async (name: string) =>
      (await app.coordinator.get({ app: 'test', name, id: 'one' }))?.finalValue;
    return { app, valueOf };
  };

  it('has groups for objects, also for those within, lines for lists and choices; what is empty is left out', async () => {
    const { app, valueOf } = await createApp();
    const dashboard = await openPage(app.page);
    const { page } = dashboard;
    await page.getByRole('button', { name: 'Start…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Type').selectOption('test/Zoned');
    await dialog.getByLabel('title').fill('Report');
    await dialog.getByLabel('sizes').fill('1\n2.5\n');
    await dialog.getByLabel('level').selectOption('2');
    const author = dialog.getByRole('group', { name: 'author', exact: true });
    await author.getByLabel('name').fill('ada');
    await author.getByLabel('tags').fill('first\nsecond one');
    await author.getByRole('group', { name: 'home', exact: true }).getByLabel('city').fill('Ulm');
    // One that is optional is given once it is checked.
    const editor = dialog.getByRole('group', { name: 'editor', exact: true });
    expect(await editor.getByLabel('name').count()).toBe(0);
    await editor.getByRole('checkbox', { name: 'editor' }).check();
    await editor.getByLabel('name').fill('grace');
    await dialog.getByLabel('extra').fill('{"a":1}');
    await dialog.getByRole('textbox', { name: /^Id/ }).fill('one');
    await dashboard.expectAccessible();
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('region', { name: 'Result' }).waitFor();
    expect(await valueOf('Zoned')).toEqual({
      title: 'Report',
      sizes: [1, 2.5],
      level: 2,
      color: null,
      author: { name: 'ada', tags: ['first', 'second one'], home: { city: 'Ulm' } },
      editor: { name: 'grace' },
      extra: { a: 1 },
    });
  });

  it('is made of the rules of a class, with its values to begin with; the server tells what is wrong', async () => {
    const { app, valueOf } = await createApp();
    const dashboard = await openPage(app.page);
    dashboard.expectsRefusals = true;
    const { page } = dashboard;
    await page.getByRole('button', { name: 'Start…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Type').selectOption('test/Order');
    expect(await dialog.getByLabel('isGift').isChecked()).toBe(true);
    await dialog.getByLabel('by').selectOption('courier');
    await dialog.getByLabel('customer').fill('ada');
    await dialog.getByRole('group', { name: 'box', exact: true }).getByLabel('width').fill('3');
    await dialog.getByRole('textbox', { name: /^Id/ }).fill('one');
    await dialog.getByLabel('items').fill('pen\nink');
    await dashboard.expectAccessible();
    // The JSON is what the form has.
    await dialog.getByRole('button', { name: 'As JSON' }).click();
    const json = await dialog.getByLabel('Input as JSON').inputValue();
    const input = { customer: 'ada', by: 'courier', isGift: true, items: ['pen', 'ink'], box: { width: 3 } };
    expect(JSON.parse(json)).toEqual(input);
    await dialog.getByLabel('Input as JSON').fill(json.replace('3', '0'));
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await dialog.getByRole('alert').getByText('box.width').first().waitFor();
    await dialog.getByLabel('Input as JSON').fill(json);
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('region', { name: 'Result' }).waitFor();
    expect(await valueOf('Order')).toEqual(input);
  });

  it.each(['Any', 'Odd'])('is a field of JSON where no form can be made: %s', async (name) => {
    const { app, valueOf } = await createApp();
    const { page } = await openPage(app.page);
    await page.getByRole('button', { name: 'Start…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Type').selectOption(`test/${name}`);
    expect(await dialog.getByRole('button', { name: 'As a form' }).count()).toBe(0);
    await dialog.getByLabel('Input as JSON').fill('{"kind":"b","n":1}');
    await dialog.getByRole('textbox', { name: /^Id/ }).fill('one');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('region', { name: 'Result' }).waitFor();
    expect(await valueOf(name)).toEqual({ kind: 'b', n: 1 });
  });

  it('has an end where a schema leads back to itself: what is deeper is JSON', async () => {
    const { app, valueOf } = await createApp();
    const { page } = await openPage(app.page);
    await page.getByRole('button', { name: 'Start…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Type').selectOption('test/Tree');
    await dialog.locator('[name="/name"]').fill('0');
    for (const [depth, path] of ['/left', '/left/left', '/left/left/left'].entries()) {
      await dialog.locator(`[name="${path}"]`).check();
      await dialog.locator(`[name="${path}/name"]`).fill(String(depth + 1));
    }
    await dialog.locator('textarea[name="/left/left/left/left"]').fill('{"name":"4"}');
    await dialog.locator('textarea[name="/others"]').fill('[{"name":"b"}]');
    await dialog.getByRole('textbox', { name: /^Id/ }).fill('one');
    await dialog.getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('region', { name: 'Result' }).waitFor();
    const left = { name: '1', left: { name: '2', left: { name: '3', left: { name: '4' } } } };
    expect(await valueOf('Tree')).toEqual({ name: '0', left, others: [{ name: 'b' }] });
  });

  it('is filled in with the keyboard alone', async () => {
    const { app, valueOf } = await createApp();
    const dashboard = await openPage(app.page);
    const { page } = dashboard;
    const { keyboard } = page;
    await page.getByRole('row').or(page.getByText('No tasks yet')).first().waitFor();
    await dashboard.tabTo(/^Start…$/);
    await keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.getByRole('dialog').getByLabel('Type').selectOption('test/Order');
    await dashboard.tabTo(/^As JSON$/);
    await keyboard.press('Tab');
    await keyboard.type('ada');
    await keyboard.press('Tab');
    await keyboard.press('ArrowDown');
    await keyboard.press('Tab');
    await keyboard.press('Space');
    await keyboard.press('Tab');
    await keyboard.type('pen');
    await keyboard.press('Enter');
    await keyboard.type('ink');
    await keyboard.press('Tab');
    await keyboard.type('3');
    await keyboard.press('Tab');
    await keyboard.type('one');
    await keyboard.press('Enter');
    await page.getByRole('region', { name: 'Result' }).waitFor();
    expect(await valueOf('Order')).toEqual({
      customer: 'ada',
      by: 'post',
      isGift: false,
      items: ['pen', 'ink'],
      box: { width: 3 },
    });
  });
});
