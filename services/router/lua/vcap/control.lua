-- What the router pushes over the control socket: the one writer of the routes' dictionary.
local cjson = require "cjson.safe"
local meta, known, sick = ngx.shared.vcap_meta, ngx.shared.vcap_routes, ngx.shared.vcap_health
local _M = {}

local function body()
  ngx.req.read_body()
  local text = ngx.req.get_body_data()
  if text then return text end
  local file = ngx.req.get_body_file()
  if not file then return "" end
  local handle = io.open(file, "rb")
  text = handle:read("*a")
  handle:close()
  return text
end

-- { flush, up, routes: { key: text or null }, well: [address], ill: [address] }
function _M.push()
  local news = cjson.decode(body())
  if type(news) ~= "table" then return ngx.exit(400) end
  if news.flush then
    known:flush_all()
    sick:flush_all()
  end
  if news.up ~= nil then meta:set("up", news.up) end
  for key, text in pairs(news.routes) do
    if text == cjson.null then known:delete(key) else known:set(key, text) end
  end
  for _, address in ipairs(news.ill) do sick:set(address, "down") end
  for _, address in ipairs(news.well) do sick:delete(address) end
  meta:incr("gen", 1, 0)
  return ngx.exit(204)
end

return _M
