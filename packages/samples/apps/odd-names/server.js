const { createServer } = require('node:http');
const { lstatSync, readdirSync, readFileSync, readlinkSync } = require('node:fs');
const { join } = require('node:path');

/** Every name below the app with its kind, mode, content or target: to compare with what was pushed. */
const list = () =>
  readdirSync('.', { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const facts = lstatSync(join('.', name));
      if (facts.isSymbolicLink()) return { name, link: readlinkSync(name) };
      if (facts.isDirectory()) return { name, directory: true };
      return { name, executable: (facts.mode & 0o100) !== 0, text: readFileSync(name, 'utf8') };
    });

createServer((_request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(list()));
}).listen(Number(process.env.PORT), () => console.log(`listening on port ${process.env.PORT}`));
