-- Whether a head is what the Node plane would take: nginx itself overlooks what two parsers might read in two ways.
-- One table of states and bytes, so that the loop over the bytes is a single tight trace of the JIT compiler.
local ffi = require "ffi"
local cast = ffi.cast
local raw_header = ngx.req.raw_header

local token = "^[%w!#$%%&'*+.^_`|~-]$"
-- States: from here on a header was seen that is not for the fast way (below).
local SLOW = 64
local START, METHOD, TARGET_START, TARGET, LINE, LAST, NAME, VALUE, LINE_END, DONE = 1, 2, 3, 4, 16, 17, 18, 19, 20, 21
local next_state = ffi.new("uint8_t[?]", 128 * 256)

local function on(state, pattern, to)
  for byte = 0, 255 do
    if string.char(byte):find(pattern) then next_state[state * 256 + byte] = to end
  end
end

on(START, token, METHOD)
on(START, "^\r$", 22)
on(22, "^\n$", 23)
on(23, token, METHOD)
on(METHOD, token, METHOD)
on(METHOD, "^ $", TARGET_START)
on(TARGET_START, "^[\33-\126]$", TARGET)
on(TARGET, "^[\33-\126]$", TARGET)
on(TARGET, "^ $", 5)
for i, letter in ipairs({ "H", "T", "T", "P", "/", "1", "%.", "[01]", "\r" }) do on(4 + i, "^" .. letter .. "$", 5 + i) end
on(14, "^\n$", LINE)
for _, flag in ipairs({ 0, SLOW }) do
  on(LINE + flag, token, NAME + flag)
  on(LINE + flag, "^\r$", LAST + flag)
  on(LAST + flag, "^\n$", DONE + flag)
  on(NAME + flag, token, NAME + flag)
  on(NAME + flag, "^:$", VALUE + flag)
  on(VALUE + flag, "^[\9\32-\126\128-\255]$", VALUE + flag)
  on(VALUE + flag, "^\r$", LINE_END + flag)
  on(LINE_END + flag, "^\n$", LINE + flag)
end
-- What begins like this frames a body, is for one hop, or would vouch for its sender: the slow way sees to it.
local words = { "conte", "trans", "te:", "expe", "keep", "proxy", "upgrade:", "x-cf-", "x-vcap-t" }

-- The words as a tree of states; whatever leaves it is an ordinary name.
local function plant(from, depth, among, free)
  local by_letter = {}
  for _, word in ipairs(among) do
    local letter = word:sub(depth, depth)
    by_letter[letter] = by_letter[letter] or {}
    table.insert(by_letter[letter], word)
  end
  for letter, rest in pairs(by_letter) do
    if #rest == 1 and #rest[1] == depth then
      on(from, "^[" .. letter .. letter:upper() .. "]$", letter == ":" and VALUE + SLOW or NAME + SLOW)
    else
      local state = free
      assert(state < SLOW, "too many states")
      free = free + 1
      on(state, token, NAME)
      on(state, "^:$", VALUE)
      on(from, "^[" .. letter .. letter:upper() .. "]$", state)
      free = plant(state, depth + 1, rest, free)
    end
  end
  return free
end
plant(LINE, 1, words, 24)

local pointer = ffi.typeof("const uint8_t *")

local function run(bytes, size)
  local state = START
  for at = 0, size - 1 do state = next_state[state * 256 + bytes[at]] end
  return state
end

local _M = {}

-- "origin" for a request without a body whose target is a path and whose headers the fast way may pass on, "other" for
-- the rest, nil for what is to be refused; the head's size, and the head.
function _M.check()
  local raw = raw_header()
  local size = #raw
  local state = run(cast(pointer, raw), size)
  if state == DONE + SLOW then return "other", size, raw end
  if state ~= DONE then return nil, size, raw end
  local blank = raw:find(" ", 1, true)
  return raw:byte(blank + 1) == 47 and "origin" or "other", size, raw
end

-- Whether there are several Connection headers.
function _M.connections(raw)
  local lower = raw:lower()
  local _, first = lower:find("\nconnection:", 1, true)
  return first ~= nil and lower:find("\nconnection:", first, true) ~= nil
end

return _M
