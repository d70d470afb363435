-- Hosts nobody serves, as this worker was told: until the generation moves or a second is over.
local now = ngx.now
local most = 10000
local _M = {}
local seen, count = {}, 0

function _M.has(key, gen)
  local found = seen[key]
  return found ~= nil and found.gen == gen and now() - found.at < 1
end

function _M.add(key, gen)
  if count >= most then
    seen, count = {}, 0
  end
  if seen[key] == nil then count = count + 1 end
  seen[key] = { gen = gen, at = now() }
end

return _M
