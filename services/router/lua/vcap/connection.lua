-- What a Connection header says: words for this hop, and headers that end here.
local _M = {}
-- Never dropped because a Connection header names them: they frame or address the message, or vouch for it.
local end_to_end = { ["keep-alive"] = true, close = true, upgrade = true }

function _M.init(settings)
  for _, name in ipairs(settings.endToEnd) do end_to_end[name] = true end
end

-- Its words, small.
function _M.words(text) return text:lower():gmatch("[^,%s]+") end

function _M.is_hop_header(word) return not end_to_end[word] end

return _M
