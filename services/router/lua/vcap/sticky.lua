-- The cookie that binds a session to an instance; the same rules as src/plane/client/sticky.ts.
local header = ngx.header
local name
local sessions = {}
local _M = {}

function _M.init(settings)
  name = settings.stickyCookie
  for _, each in ipairs(settings.stickyCookieNames) do sessions[each] = true end
end

-- The instance that a Cookie header asks for, or nil.
function _M.requested(cookie)
  if cookie == nil or not cookie:find(name, 1, true) then return nil end
  for part in cookie:gmatch("[^;]+") do
    local key, value = part:match("^%s*([^=]-)%s*=%s*(.-)%s*$")
    if key == name then
      value = value:match('^"(.*)"$') or value
      if value ~= "" then return value end
    end
  end
  return nil
end

local function without_http_only(attributes)
  local kept = ""
  for each in attributes:gmatch(";([^;]*)") do
    if each:match("^%s*(.-)%s*$"):lower() ~= "httponly" then kept = kept .. ";" .. each end
  end
  return (kept:gsub("[;%s]+$", ""))
end

-- Adds it to an answer that begins a session.
function _M.answer(id)
  local set = header["Set-Cookie"]
  if set == nil or id == nil then return end
  local lines = type(set) == "table" and set or { set }
  local attributes
  for _, line in ipairs(lines) do
    local pair, rest = line:match("^([^;]*)(.*)$")
    local key = (pair:match("^([^=]*)") or ""):match("^%s*(.-)%s*$")
    if key == name then return end
    if sessions[key] and attributes == nil then attributes = rest end
  end
  if attributes == nil then return end
  lines[#lines + 1] = name .. "=" .. id .. without_http_only(attributes) .. "; HttpOnly"
  header["Set-Cookie"] = lines
end

return _M
