// The sample's page in a real Chromium, on a machine that has no network but its own loopback. Ends with 0 when all was as it should be.
//   node fieldmap.mjs PROGRAM BUILD CHROMIUM [PICTURES]
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [program, build, executablePath, pictures] = process.argv.slice(2);
assert.ok(Object.keys(networkInterfaces()).every((name) => name === 'lo'), `there is a network: ${Object.keys(networkInterfaces())}`);

const sample = spawn('dotnet', [program, build, '--http', 'http://127.0.0.1:0', '--budget', '0'], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = createInterface({ input: sample.stdout })[Symbol.asyncIterator]();
async function said(word) {
  for (;;) {
    const { value, done } = await lines.next();
    if (done) throw new Error(`The sample ended before it said '${word}'.`);
    if (value.startsWith(word)) return value.slice(word.length).trim();
  }
}
const address = await said('http');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const foreign = [], failures = [], tiles = { 200: 0, 204: 0, 503: 0 };
let context, page;
async function open(options) {
  context = await browser.newContext(options);
  context.on('request', (request) => { if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url())) foreign.push(request.url()); });
  context.on('response', (response) => { if (/\/tiles\/[^/]+\/\d/.test(response.url())) tiles[response.status()] = (tiles[response.status()] ?? 0) + 1; });
  page = await context.newPage();
  page.on('pageerror', (error) => failures.push(error.message));
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !/503|GPU stall|GL Driver/.test(message.text())) failures.push(message.text()); });
  page.setDefaultTimeout(30_000);
  await page.goto(address);
  await page.getByText('live', { exact: true }).waitFor();
}
const picture = async (name) => { if (pictures) await page.screenshot({ path: `${pictures}/${name}.png` }); };
const idle = () => page.evaluate(() => new Promise((done) => { fieldMap.triggerRepaint(); fieldMap.once('idle', done); }));
// What is drawn, asked of the map itself at the middle of the page.
const drawn = (...layers) => page.evaluate((layers) => fieldMap.queryRenderedFeatures({ layers }).map((f) => ({ ...f.properties, layer: f.layer.id })), layers);

try {
  // Before any of the map has arrived: the incidents are there, the tiles are not, and nothing breaks.
  await open({ viewport: { width: 1200, height: 800 }, colorScheme: 'light' });
  await page.getByText('Map: 0 % has arrived').waitFor();
  await page.waitForFunction(() => fieldMap.queryRenderedFeatures({ layers: ['strikes'] }).length > 3);
  assert.ok(tiles[503] > 0 && tiles[200] === 0, JSON.stringify(tiles));
  await picture('nothing-yet');
  // The first part of the pack has the directories and the first levels; it is shown while the rest is missing.
  sample.stdin.write('meet 1300000\n');
  await page.getByText(/Map: [1-9]\d % has arrived/).waitFor();
  await page.evaluate(() => fieldMap.jumpTo({ center: [0, 20], zoom: 0.9 }));
  await page.waitForFunction(() => fieldMap.queryRenderedFeatures({ layers: ['land'] }).some((f) => f.properties.name === 'Brazil'));
  await page.evaluate(() => fieldMap.jumpTo({ center: [20, 50], zoom: 5.5 }));
  await page.waitForFunction((seen) => seen > 0, tiles[503]);
  await picture('part');
  await page.evaluate(() => { fieldMap.jumpTo({ center: [-96, 38], zoom: 4 }); });
  sample.stdin.write('meet 100000000\n');
  await page.getByText('Map: all of it is on this device').waitFor();
  await page.waitForFunction(() => fieldMap.queryRenderedFeatures({ layers: ['states'] }).some((f) => f.properties.name === 'Louisiana'));
  await context.close();

  await open({ viewport: { width: 1200, height: 800 }, colorScheme: 'light' });
  await idle();
  await picture('usa');
  assert.equal(await page.locator('#count').textContent(), '400');
  assert.ok((await drawn('land')).some((f) => f.name === 'United States of America'));
  assert.ok((await drawn('states')).some((f) => f.name === 'Louisiana'));
  assert.ok((await drawn('airports')).some((f) => f.code === 'DFW'), 'airports are named, with the fonts of the device');
  assert.ok((await drawn('strikes')).length > 3);
  const pixel = await page.evaluate(() => { fieldMap.triggerRepaint(); return new Promise((done) => fieldMap.once('render', () => {
    const gl = fieldMap.getCanvas().getContext('webgl2'), at = fieldMap.project([-100, 45]), bytes = new Uint8Array(4), scale = devicePixelRatio;
    gl.readPixels(at.x * scale, gl.drawingBufferHeight - at.y * scale, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, bytes); done([...bytes]); })); });
  assert.deepEqual(pixel, [0xf5, 0xf2, 0xea, 255], 'land is drawn as land');

  // Reports that are filed at the office appear without anybody asking.
  sample.stdin.write('strikes 25\n');
  await page.waitForFunction(() => document.getElementById('count').textContent === '425');
  await page.locator('li.fresh').first().waitFor();
  await page.waitForFunction(() => fieldMap.querySourceFeatures('strikes').length > 0 && fieldMap.getSource('strikes'));
  await idle();
  await picture('live');

  // One is looked at from the list, by keyboard.
  await page.locator('li button').first().focus();
  await page.keyboard.press('Enter');
  await page.locator('.maplibregl-popup').waitFor();
  await idle();
  await picture('one');
  assert.ok((await drawn('strikes')).length > 0);
  await context.close();

  // Another browser, dark and narrow.
  await open({ viewport: { width: 390, height: 780 }, colorScheme: 'dark' });
  await idle();
  await picture('narrow');
  assert.ok((await drawn('land')).length > 0);

  assert.deepEqual(foreign, []);
  assert.deepEqual(failures, []);
  console.log(JSON.stringify(tiles));
  assert.ok(tiles[200] > 5);
} catch (error) {
  await picture('failed');
  console.error(failures.join('\n'));
  throw error;
} finally {
  await browser.close();
  sample.stdin.end();
}
