const { createServer } = require('node:http');
const { createPool } = require('mysql2/promise');

const pool = createPool({ uri: databaseUri(), connectionLimit: 3 });

/** DATABASE_URL, else the first bound service that has a MySQL URI. */
function databaseUri() {
  const bound = Object.values(JSON.parse(process.env.VCAP_SERVICES ?? '{}')).flat();
  const uris = [process.env.DATABASE_URL, ...bound.map(({ credentials }) => credentials.uri)];
  const uri = uris.find((each) => /^mysql2?:/.test(each ?? ''));
  if (uri === undefined) throw new Error('no MySQL service is bound: vmc bind-service');
  return uri;
}

async function count() {
  await pool.query(
    'CREATE TABLE IF NOT EXISTS visits (id BIGINT AUTO_INCREMENT PRIMARY KEY, instance VARCHAR(64) NOT NULL)',
  );
  const [[row]] = await pool.query(
    'SELECT COUNT(*) AS visits, COUNT(DISTINCT instance) AS instances FROM visits',
  );
  return row;
}

/** Connections may have been ended while they rested: the second try opens a new one. */
async function again(work) {
  try {
    return await work();
  } catch (error) {
    if (!error.fatal) throw error;
    return work();
  }
}

const instance = JSON.parse(process.env.VCAP_APPLICATION ?? '{}').instance_id ?? 'here';
const routes = {
  'GET /': async () => {
    await count();
    await pool.query('INSERT INTO visits (instance) VALUES (?)', [instance]);
    return count();
  },
  'GET /count': count,
  'DELETE /': async () => {
    await pool.query('DELETE FROM visits');
    return count();
  },
};

const server = createServer(async (request, response) => {
  const send = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify(body)}\n`);
  };
  const route = routes[`${request.method} ${request.url}`];
  if (!route)
    return send(404, { error: 'GET / counts a visit, GET /count only looks, DELETE / forgets all' });
  try {
    send(200, await again(route));
  } catch (error) {
    console.error(error.code, error.message);
    send(503, { error: error.code ?? 'unknown' });
  }
});
server.listen(Number(process.env.PORT), () => console.log(`listening on port ${process.env.PORT}`));
process.once('SIGTERM', () => {
  server.close(() => pool.end());
  server.closeIdleConnections();
});
