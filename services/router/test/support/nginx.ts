import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const modules = '/usr/lib/nginx/modules/ngx_http_lua_module.so';

/** What the nginx plane lacks on this host, in words; undefined: nothing. */
export function nginxLacks(): string | undefined {
  const dirs = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin`.split(delimiter);
  if (!dirs.some((dir) => existsSync(join(dir, 'nginx')))) return 'there is no nginx (Debian: nginx-light)';
  if (!existsSync(modules)) return 'nginx has no Lua here (Debian: libnginx-mod-http-lua)';
  if (!existsSync('/usr/share/lua/5.1/resty/core.lua'))
    return 'Lua has no resty.core (Debian: lua-resty-core)';
  if (!existsSync('/usr/lib/x86_64-linux-gnu/lua/5.1/cjson.so') && !existsSync('/usr/share/lua/5.1/cjson'))
    return 'Lua has no cjson (Debian: lua-cjson)';
  return undefined;
}
