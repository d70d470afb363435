-- The cookie that binds a session to an instance; the same rules as src/plane/client/sticky.ts.
local find, sub, byte = string.find, string.sub, string.byte
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

-- Sessions of one instance have the same attributes mostly: { attributes, id, cookie }.
local last = {}

local function cookie_with(id, attributes)
  if last.attributes ~= attributes or last.id ~= id then
    last.attributes, last.id = attributes, id
    last.cookie = name .. "=" .. id .. without_http_only(attributes) .. "; HttpOnly"
  end
  return last.cookie
end

-- A cookie's name and its attributes, of its line. Patterns are only for what is written oddly: they are not compiled.
local function read(line)
  local stop = find(line, ";", 1, true)
  local pair = stop and sub(line, 1, stop - 1) or line
  local equals = find(pair, "=", 1, true)
  local key = equals and sub(pair, 1, equals - 1) or pair
  local first, final = byte(key, 1), byte(key, -1)
  if first == nil or first <= 32 or final <= 32 then key = key:match("^%s*(.-)%s*$") end
  return key, stop and sub(line, stop) or ""
end

-- The cookie for an answer that begins a session, or nil. `set`: its Set-Cookie, a text or a list of them.
function _M.answer(id, set)
  if set == nil or id == nil then return nil end
  if type(set) == "string" then
    local key, attributes = read(set)
    return sessions[key] and cookie_with(id, attributes) or nil
  end
  local found
  for _, line in ipairs(set) do
    local key, attributes = read(line)
    if key == name then return nil end
    if sessions[key] and found == nil then found = attributes end
  end
  return found and cookie_with(id, found) or nil
end

return _M
