/** What every location of ours begins with. */
const forwarding = (host: string): string => `
      proxy_http_version 1.1;
      proxy_set_header Host ${host};
      proxy_set_header Connection $vcap_connection;
      proxy_set_header X-CF-ApplicationID $vcap_lines;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $vcap_proto;
      proxy_set_header X-Forwarded-Host $vcap_forwarded_host;
      proxy_set_header X-Request-Start $vcap_start;
      proxy_set_header X-Request-Id $vcap_request;
      proxy_set_header X-Vcap-Request-Id $request_id;
      proxy_set_header traceparent $vcap_traceparent;`;

/** Headers for one hop, or by which a visitor would vouch for itself. The fast way has none of them (lua/vcap/head.lua). */
const dropping = `
      proxy_set_header Upgrade $vcap_upgrade;
      proxy_set_header Keep-Alive "";
      proxy_set_header TE "";
      proxy_set_header Expect "";
      proxy_set_header Proxy-Connection "";
      proxy_set_header Proxy-Authenticate "";
      proxy_set_header Proxy-Authorization "";
      proxy_set_header X-Vcap-Trace "";
      proxy_set_header X-CF-App-Instance "";
      proxy_set_header X-CF-InstanceID "";
      proxy_set_header X-CF-InstanceIndex "";`;

/** What nginx itself refuses. A location with error pages of its own does not inherit others. */
const ownPages =
  'error_page 400 /-/vcap-400; error_page 501 505 =400 /-/vcap-400; error_page 414 494 =431 /-/vcap-431; ' +
  'error_page 405 /-/vcap-405;';

/** Where something has to be asked or said first; with connections of their own. */
const slow = `
      ${ownPages}
      error_page 500 502 504 = @failed;
      access_by_lua_block { vcap.slow() }${forwarding('$vcap_host')}${dropping}
      proxy_pass http://vcap_fresh$vcap_target;`;

/** All that a server for visitors has beside its port and its certificate. */
export const visitors = (secure: boolean): string => `
    set $vcap_lines ""; set $vcap_app -; set $vcap_index -; set $vcap_instance -; set $vcap_cookie ""; set $vcap_error ""; set $vcap_ticket ""; set $vcap_time "";
    set $vcap_upgrade ""; set $vcap_msec ""; set $vcap_connection ""; set $vcap_target ""; set $vcap_page ""; set $vcap_text ""; set $vcap_host $http_host;
    ${ownPages}
    header_filter_by_lua_block { vcap.header() }
    add_header X-Vcap-Request-Id $vcap_answer_id; add_header Set-Cookie $vcap_cookie always;
    location = /-/vcap-400 { internal; content_by_lua_block { vcap.page("badRequest") } }
    location = /-/vcap-405 { internal; content_by_lua_block { vcap.page("methodNotAllowed") } }
    location = /-/vcap-431 { internal; content_by_lua_block { vcap.page("headersTooLarge") } }
    location / {
      set_by_lua_block $vcap_go { return vcap.${secure ? 'fast_secure' : 'fast'}() }
      ${ownPages}
      error_page 418 = $vcap_go; error_page 500 502 504 = @failed;
      if ($vcap_go) { return 418; }${forwarding('$http_host')}
      proxy_pass http://vcap_kept;
    }
    location @slow {${slow}
    }
    location @last {
      keepalive_timeout 0;${slow}
    }
    location @bad { keepalive_timeout 0; content_by_lua_block { vcap.page("badRequest") } }
    location @large { keepalive_timeout 0; content_by_lua_block { vcap.page("headersTooLarge") } }
    location @health { content_by_lua_block { vcap.health() } }
    location @closing { keepalive_timeout 0; content_by_lua_block { vcap.closing() } }
    location @failed { content_by_lua_block { vcap.failed() } }`;
