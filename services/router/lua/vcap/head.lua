-- Whether a head is what the Node plane would take: nginx itself overlooks what two parsers might read in two ways.
local bit = require "bit"
local ffi = require "ffi"
local cast = ffi.cast
local raw_header = ngx.req.raw_header
local http_version = ngx.req.http_version

local TOKEN, TARGET, VALUE = 1, 2, 4
local classes = ffi.new("uint8_t[256]")
for byte = 0, 255 do
  local class = 0
  local char = string.char(byte)
  if char:find("^[%w!#$%%&'*+.^_`|~-]$") then class = class + TOKEN end
  if byte > 32 and byte < 127 then class = class + TARGET end
  if byte == 9 or (byte >= 32 and byte ~= 127) then class = class + VALUE end
  classes[byte] = class
end

local pointer = ffi.typeof("const uint8_t *")
local band, bor = bit.band, bit.bor
local _M = {}

-- Reads the lines from `at` on; nil unless all are sound, else whether there may be a body.
local function fields(bytes, at, size)
  local body, connections = false, 0
  while at < size do
    if bytes[at] == 13 then
      if bytes[at + 1] ~= 10 then return nil end
      return body
    end
    local start = at
    while at < size and band(classes[bytes[at]], TOKEN) ~= 0 do at = at + 1 end
    if at == start or at >= size or bytes[at] ~= 58 then return nil end
    -- Content-Length and Transfer-Encoding, by their size and first letter: more is not asked.
    local letter = bor(bytes[start], 32)
    -- Several Connection headers are not for the fast path either.
    if at - start == 10 and letter == 99 then
      body = body or connections > 0
      connections = connections + 1
    end
    if (at - start == 14 and letter == 99) or (at - start == 17 and letter == 116) then body = true end
    at = at + 1
    while at < size and band(classes[bytes[at]], VALUE) ~= 0 do at = at + 1 end
    if at + 1 >= size or bytes[at] ~= 13 or bytes[at + 1] ~= 10 then return nil end
    at = at + 2
  end
  return nil
end

-- "origin" for a request without a body whose target is a path, "other" for the rest, nil for what is to be refused;
-- and the head's size.
function _M.check()
  if http_version() == 2 then return "other", 0 end
  local raw = raw_header()
  local size = #raw
  local bytes = cast(pointer, raw)
  local at = 0
  if bytes[0] == 13 and bytes[1] == 10 then at = 2 end
  local start = at
  while at < size and band(classes[bytes[at]], TOKEN) ~= 0 do at = at + 1 end
  if at == start or bytes[at] ~= 32 then return nil, size end
  at = at + 1
  local form = bytes[at] == 47 and "origin" or "other"
  start = at
  while at < size and band(classes[bytes[at]], TARGET) ~= 0 do at = at + 1 end
  if at == start or bytes[at] ~= 32 or at + 11 > size then return nil, size end
  -- nginx has read "HTTP/1."; what stands between it and the line's end is checked here.
  local minor = bytes[at + 8]
  if bytes[at + 6] ~= 49 or bytes[at + 7] ~= 46 or (minor ~= 48 and minor ~= 49) then return nil, size end
  if bytes[at + 9] ~= 13 or bytes[at + 10] ~= 10 then return nil, size end
  local body = fields(bytes, at + 11, size)
  if body == nil then return nil, size end
  return body and "other" or form, size
end

return _M
