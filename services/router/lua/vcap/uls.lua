-- Asks the upstream locator service: the router's own process, on a unix socket.
local tcp = ngx.socket.tcp
local path
local _M = {}

function _M.init(settings) path = "unix:" .. settings.uls end

local function exchange(method, target, body)
  local socket = tcp()
  socket:settimeouts(1000, 2000, 5000)
  local ok, why = socket:connect(path)
  if not ok then return nil, why end
  local request = method .. " " .. target .. " HTTP/1.1\r\nHost: uls\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body
  local sent
  sent, why = socket:send(request)
  if not sent then return nil, why end
  local line
  line, why = socket:receive("*l")
  if not line then return nil, why end
  local status, size = tonumber(line:match("^HTTP/1%.1 (%d+)")), 0
  while true do
    line, why = socket:receive("*l")
    if not line then return nil, why end
    if line == "" then break end
    local length = line:lower():match("^content%-length: (%d+)")
    if length then size = tonumber(length) end
  end
  local answer = ""
  if size > 0 then
    answer, why = socket:receive(size)
    if not answer then return nil, why end
  end
  socket:setkeepalive(30000, 16)
  return status, answer
end

-- 200 and what is known of a host, 404, or nil when the service cannot be asked.
function _M.lookup(key)
  local status, answer = exchange("GET", "/routes/" .. ngx.escape_uri(key), "")
  -- A kept connection may have ended with the service's last process.
  if status == nil then status, answer = exchange("GET", "/routes/" .. ngx.escape_uri(key), "") end
  return status, answer
end

function _M.report(text) return exchange("POST", "/report", text) end

return _M
