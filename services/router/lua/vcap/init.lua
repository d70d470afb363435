-- What nginx calls, by the name under which its configuration does (src/nginx/config-text.ts, visitors-text.ts). A
-- request's way through `/` is chosen in `fast`, or in `slow` when something has to be asked or said.
local cjson = require "cjson.safe"
local answer = require "vcap.answer"
local attempts = require "vcap.attempts"
local balance = require "vcap.balance"
local connection = require "vcap.connection"
local control = require "vcap.control"
local fast = require "vcap.fast"
local log = require "vcap.log"
local pages = require "vcap.pages"
local pick = require "vcap.pick"
local slow = require "vcap.slow"
local stats = require "vcap.stats"
local sticky = require "vcap.sticky"
local uls = require "vcap.uls"

local _M = {
  fast = fast.choose,
  fast_secure = fast.choose_secure,
  slow = slow.choose,
  closing = slow.closing,
  balance = balance.attempt,
  header = answer.header,
  failed = answer.failed,
  page = pages.fail,
  health = pages.health,
  push = control.push,
  log = log.request,
}

-- In nginx's master, before the workers are there.
function _M.init(file)
  local handle = assert(io.open(file, "rb"))
  local settings = assert(cjson.decode(handle:read("*a")))
  handle:close()
  for _, each in ipairs({ answer, attempts, connection, fast, log, pages, pick, stats, sticky, uls }) do
    each.init(settings)
  end
end

-- In each worker.
function _M.init_worker()
  math.randomseed(ngx.now() * 1000 + ngx.worker.pid())
  local function report() stats.report() end
  assert(ngx.timer.every(1, report))
end

return _M
