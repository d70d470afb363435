-- Counts finished requests, and reports them once a second.
local cjson = require "cjson.safe"
local uls = require "vcap.uls"
local floor = math.floor
local _M = {}
local bounds, buckets, classes, samples_most
local total, touched, errors, active, aside

local function tally()
  local counts, seconds = {}, {}
  for i = 1, classes * buckets do counts[i] = 0 end
  for i = 1, classes do seconds[i] = 0 end
  return { counts = counts, seconds = seconds, samples = {} }
end

local function begin()
  total, touched, errors, aside = tally(), {}, {}, {}
end

function _M.init(settings)
  bounds, classes, samples_most = settings.bucketSeconds, settings.classes, settings.samples
  buckets = #bounds + 1
  active = 0
  begin()
end

local function count(to, slot, class, ms)
  to.counts[slot] = to.counts[slot] + 1
  to.seconds[class] = to.seconds[class] + ms / 1000
  if #to.samples < samples_most then to.samples[#to.samples + 1] = ms end
end

function _M.started() active = active + 1 end

function _M.ended() active = active - 1 end

-- Counts one that is over.
function _M.finished(status, ms, endpoint, error)
  local class = (status >= 200 and status < 600) and floor(status / 100) - 1 or classes
  local bucket = 1
  while bucket < buckets and ms > bounds[bucket] * 1000 do bucket = bucket + 1 end
  local slot = (class - 1) * buckets + bucket
  count(total, slot, class, ms)
  if error then errors[error] = (errors[error] or 0) + 1 end
  if endpoint == nil then return end
  local own = touched[endpoint]
  if own == nil then
    own = tally()
    touched[endpoint] = own
  end
  count(own, slot, class, ms)
end

-- The lookup service is to know that it waits for its next registration.
function _M.aside(endpoint)
  aside[#aside + 1] = endpoint.address
  if #aside == 1 then ngx.timer.at(0, function() _M.report() end) end
end

-- Reports all since the last time; what could not be reported is counted on.
function _M.report()
  local endpoints = {}
  for endpoint, own in pairs(touched) do
    endpoints[#endpoints + 1] = { app = endpoint.app, component = endpoint.component, tally = own }
  end
  local report = cjson.encode({
    pid = ngx.worker.pid(),
    total = total,
    endpoints = endpoints,
    errors = errors,
    aside = aside,
    active = active,
  })
  begin()
  uls.report(report)
end

return _M
