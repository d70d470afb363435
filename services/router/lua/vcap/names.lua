-- Host names as the registry spells them.
local _M = {}

-- Lower case, without port, without the dot at the end; nil when nothing is left, false when it is no host.
function _M.key(host)
  if host == nil then return nil end
  local name = host:lower()
  if name:find("^[%w-]+[%w.-]*$") == nil then
    local inside = name:match("^(%[[%x:.]+%])")
    local port
    if inside then
      port = name:sub(#inside + 1)
      name = inside
    else
      inside = name:match("^[%w.~%%!$&'()*+;=_-]*")
      port = name:sub(#inside + 1)
      name = inside
    end
    if port ~= "" and (port:find("^:%d*$") == nil or #port > 6) then return false end
  end
  if name:sub(-1) == "." then name = name:sub(1, -2) end
  if name == "" then return nil end
  return name
end

-- Whether a target is the path or below it.
function _M.below(target, path)
  if target:sub(1, #path) ~= path then return false end
  local next = target:byte(#path + 1)
  return next == nil or next == 47 or next == 63 or next == 35
end

return _M
