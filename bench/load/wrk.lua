-- Sends prepared requests in turn, and prints the result as one line of JSON.
-- Arguments: a Lua file that returns the requests as text; the number of requests per second, 0 for no maximum.

local ffi = require("ffi")
ffi.cdef([[
  struct time { long seconds; long nanoseconds; };
  int clock_gettime(int clock, struct time *time);
]])
local MONOTONIC = 1

local requests
local position = 0
-- Global, because the functions of the main script read them from a thread by name.
statuses = ""

local function now_ms()
  local time = ffi.new("struct time")
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time.seconds) * 1000 + tonumber(time.nanoseconds) / 1e6
end

local function count_statuses()
  local counts = {}
  -- wrk parses headers and body only if this function exists, which costs time.
  response = function(status)
    if status >= 400 then
      counts[status] = (counts[status] or 0) + 1
      local list = {}
      for each, count in pairs(counts) do
        list[#list + 1] = string.format('"%d": %d', each, count)
      end
      statuses = table.concat(list, ", ")
    end
  end
end

-- Each request has its time in an even schedule. wrk waits for whole milliseconds.
local function pace(rate)
  local due = now_ms()
  delay = function()
    due = due + 1000 / rate
    return math.max(0, math.floor(due - now_ms() + 0.5))
  end
end

function init(args)
  requests = dofile(args[1])
  local rate = tonumber(args[2])
  if rate > 0 then
    pace(rate)
    count_statuses()
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

local thread

function setup(each)
  thread = each
end

function done(summary, latency)
  local errors = summary.errors
  local failed = {}
  local statuses = thread:get("statuses")
  if statuses ~= "" then
    failed[1] = statuses
  elseif errors.status > 0 then
    failed[1] = string.format('"400 and above": %d', errors.status)
  end
  local unanswered = errors.connect + errors.read + errors.write + errors.timeout
  if unanswered > 0 then
    failed[#failed + 1] = string.format('"no answer": %d', unanswered)
  end
  print(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": {%s}}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    table.concat(failed, ", ")
  ))
end
