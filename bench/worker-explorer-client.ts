// What a page of the explorer asks of its server: the events, and the pages that have changed. Says when it has the first.
import { get } from 'node:http';

const [, , base = ''] = process.argv;
let version = 0;

get(`${base}api/events`, (res) => {
  res.setEncoding('utf8');
  let text = '';
  res.on('data', (piece: string) => {
    text += piece;
    const end = text.lastIndexOf('\n\n');
    if (end < 0) return;
    const hasTick = text.slice(0, end).includes('event: tick');
    text = text.slice(end + 2);
    if (hasTick) fetchPages();
  });
});

function fetchPages(): void {
  get(`${base}api/pages?since=${version}`, (res) => {
    const pieces: Buffer[] = [];
    res.on('data', (piece: Buffer) => pieces.push(piece));
    res.on('end', () => {
      if (version === 0) process.stdout.write('open\n');
      version = Buffer.concat(pieces).readUInt32LE(4);
    });
  });
}
