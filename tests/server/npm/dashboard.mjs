// The dashboard in a real Chromium, by keyboard and pointer, wide and narrow, light and dark. Says "contest" on its output when a conflict
// shall come up while the page is open; ends with 0 when all was as it should be.
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [address, program, pictures] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, colorScheme: 'light' });
const foreign = [], failures = [];
context.on('request', (request) => { if (!request.url().startsWith(address) && !request.url().startsWith('data:') && !request.url().startsWith(`blob:${address}`) && !request.url().startsWith(address.replace('http', 'ws'))) foreign.push(request.url()); });
const page = await context.newPage();
page.on('pageerror', (error) => failures.push(error.message));
page.on('console', (message) => { if (message.type() === 'error' && !message.text().includes('400')) failures.push(message.text()); });
page.setDefaultTimeout(15_000);
const picture = (name) => pictures ? page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true }) : null;

try {
  // Signs in by a device code, approved in another window.
  await page.goto(address);
  await picture('sign-in');
  const [approval] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: 'Approve' }).click()]);
  await approval.getByLabel('Name').fill('cleo');
  await approval.getByLabel('Role').selectOption('administrator');
  await approval.getByRole('button', { name: 'Sign in' }).click();
  await approval.getByText('This page can be closed').waitFor();
  await approval.close();
  await page.getByRole('heading', { name: 'field' }).waitFor();
  await page.getByText('live', { exact: true }).waitFor();
  assert.equal(await page.locator('#conflict-count').textContent(), '2');
  await page.getByText(/Clock skew the clock of device .* is (599|600|601) s ahead/).waitFor();
  await page.getByText(/values that were written are accounted for/).waitFor();
  await picture('overview');

  // A device that is connected is let rest, goes on, and does so without attachments.
  const peers = page.locator('table', { hasText: 'to receive' });
  await peers.getByText('in sync').waitFor();
  await peers.getByRole('button', { name: 'Let rest' }).focus();
  await page.keyboard.press('Enter');
  await peers.getByText('rests', { exact: true }).waitFor();
  await picture('steering');
  await peers.getByRole('button', { name: 'Go on' }).click();
  await peers.getByText('in sync').waitFor();
  await peers.getByRole('button', { name: 'No attachments' }).click();
  await peers.getByText('without attachments').waitFor();
  await peers.getByRole('button', { name: 'Attachments too' }).click();
  await peers.getByText('without attachments').waitFor({ state: 'detached' });

  // The inbox, side by side; one side is accepted by keyboard alone.
  await page.getByRole('link', { name: /^Conflicts/ }).focus();
  await page.keyboard.press('Enter');
  const card = page.locator('[data-conflict="a/x/1"]');
  await card.waitFor();
  const sides = card.locator('.side');
  assert.deepEqual(await sides.locator('pre').allTextContents(), ['two', 'one']);
  assert.match(await sides.nth(1).textContent(), /ann/);
  assert.match(await sides.nth(1).textContent(), /this server/);
  await picture('conflicts');
  await sides.nth(1).getByRole('button', { name: 'Accept' }).focus();
  await page.keyboard.press('Enter');
  await card.waitFor({ state: 'detached' });

  // Another is merged.
  await page.locator('[data-conflict="a/x/2"]').getByRole('button', { name: 'Merge' }).click();
  await page.getByText('Nothing waits for a person.').waitFor();

  // One comes up while the page is open, and takes an edited value; what was written is text, whatever it says.
  console.log('contest');
  const late = page.locator('[data-conflict="a/x/3"]');
  await late.waitFor();
  assert.deepEqual(await late.locator('.side pre').allTextContents(), ['<img src=x onerror=alert(1)>', 'late']);
  await late.getByRole('button', { name: 'Edit' }).click();
  await late.getByLabel('What shall stand').fill('"edited"');
  await late.getByRole('button', { name: 'Let this stand' }).click();
  await late.waitFor({ state: 'detached' });

  // The history of an entity.
  await page.getByRole('link', { name: 'a/x/1' }).first().click();
  await page.getByRole('heading', { name: /^a\/x\/1/ }).waitFor();
  await page.getByText('resolve').first().waitFor();
  await picture('entity');

  // What is attached to another: a picture is drawn, and what could run is given to be saved, under the name that it has.
  await page.goto(`${address}/#entity/a/x/7`);
  await page.getByRole('img', { name: 'dot.png' }).waitFor();
  assert.equal(await page.getByRole('img', { name: 'dot.png' }).evaluate((image) => image.naturalWidth), 1);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Save page.html' }).click()]);
  assert.equal(download.suggestedFilename(), 'page.html');
  await picture('attachments');

  // Devices, the queue, refused work.
  await page.getByRole('link', { name: 'Devices' }).click();
  await page.getByRole('heading', { name: 'Devices' }).waitFor();
  await page.getByText('this server').waitFor();
  await page.getByRole('link', { name: 'Queue' }).click();
  await page.getByLabel('Author').fill('ann');
  await page.keyboard.press('Tab');
  await page.getByRole('cell', { name: /ann on/ }).first().waitFor();
  await picture('queue');
  await page.getByRole('link', { name: 'Refused' }).click();

  // One piece of refused work is put right and sent again, by keyboard; the other is given to somebody.
  const first = page.locator('section.card', { hasText: 'a/x/8' }), second = page.locator('section.card', { hasText: 'a/x/9' });
  await first.getByText(/offline:write:a:x:8/).waitFor();
  await first.getByRole('button', { name: 'Edit' }).focus();
  await page.keyboard.press('Enter');
  assert.deepEqual(JSON.parse(await first.getByLabel('What shall be written').inputValue()), { name: 'wrong' });
  await picture('refused');
  await first.getByLabel('What shall be written').fill('{"name": "mended"}');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await first.waitFor({ state: 'detached' });
  await second.getByRole('button', { name: 'Give to somebody' }).click();
  await second.getByLabel('Who shall decide').fill('dan');
  await page.keyboard.press('Enter');
  await second.getByText(/given to dan/).waitFor();

  // Alarms that a sound server never raises: its answer is changed on the way.
  await page.route('**/graphql', async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    if (body.data?.space?.divergences) {
      body.data.space.divergences.push({ device_id: '11111111-1111-4111-8111-111111111111', noticed_at: new Date().toISOString(), entities: ['a/x/1'] });
      body.data.space.audit = { at: new Date().toISOString(), written: 10, unaccounted: 3 };
    }
    await route.fulfill({ response, json: body });
  });
  await page.getByRole('link', { name: 'Overview' }).click();
  await page.getByRole('alert').filter({ hasText: 'Divergence' }).waitFor();
  await page.getByRole('alert').filter({ hasText: '3 of 10 values' }).waitFor();
  await picture('alarms');
  await page.unrouteAll({ behavior: 'wait' });

  // On a phone, in the dark: nothing is wider than the screen.
  await page.setViewportSize({ width: 360, height: 740 });
  await page.emulateMedia({ colorScheme: 'dark' });
  for (const name of ['overview', 'devices', 'queue', 'conflicts', 'refused', 'entity/a/x/3']) {
    await page.goto(`${address}/#${name}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.waitForTimeout(200);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${name} is wider than the screen`);
    await picture(`phone-${name.split('/')[0]}`);
  }

  // Signing out forgets.
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.deepEqual(foreign, []);
  assert.deepEqual(failures, []);
} catch (error) {
  await picture('failure');
  console.error(error, { foreign, failures }, await page.locator('main').textContent().catch(() => ''));
  process.exitCode = 1;
} finally {
  await browser.close();
}
