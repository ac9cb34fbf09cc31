-- Closed model: each connection sends its next request after the response to the last one.
-- README.md lists the settings, which come from the environment. Exits with 1 if a threshold fails.

-- In ms. A login waits for its own hash and for the hashes before it.
local P99_LIMITS = { read = 100, login = 2000, mixed = 2000 }
-- In ms: the wait for each other connection at 250 requests per second.
local P99_LIMIT_PER_CONNECTION = 4
-- Per thread. More requests would not change the load.
local MOST_REQUESTS = 10000
-- One login per nineteen reads.
local LOGIN_EACH = 20
-- Distance, in rows of users.csv, between the caller and the account that it reads.
local DISTANCE = 7

local scenario = os.getenv("SCENARIO") or "read"
local folder = debug.getinfo(1, "S").source:match("^@(.*/)") or ""
local data = os.getenv("DATA") or (folder .. "data")

if not P99_LIMITS[scenario] then
  io.stderr:write("SCENARIO is read, login or mixed.\n")
  os.exit(2)
end

-- wrk does not pass its number of connections to scripts. Linux shows the command line.
local function connections()
  local file = io.open("/proc/self/cmdline", "rb")
  local arguments = file and file:read("*a") or ""
  if file then file:close() end
  local number, unit = arguments:match("%z%-c%z?(%d+)(k?)")
  if not number then
    number, unit = arguments:match("%z%-%-connections[=%z](%d+)(k?)")
  end
  return (tonumber(number) or 0) * (unit == "k" and 1000 or 1)
end

local own_limit_ms = math.max(P99_LIMITS[scenario], connections() * P99_LIMIT_PER_CONNECTION)
local limit_ms = tonumber(os.getenv("P99_MS")) or own_limit_ms

-- The rows of a file from `gatehouse seed`, without the header. Its values contain no comma.
local function rows(name)
  local path = data .. "/" .. name
  local file = io.open(path)
  if not file then
    io.stderr:write(path .. " is missing: run gatehouse seed first.\n")
    os.exit(2)
  end
  file:read("*l")
  local found = {}
  for line in file:lines() do
    local values = {}
    for value in line:gmatch("[^,]+") do
      values[#values + 1] = value
    end
    found[#found + 1] = values
    if #found == MOST_REQUESTS then break end
  end
  file:close()
  return found
end

local function login(user)
  local headers = { ["Content-Type"] = "application/json" }
  local body = string.format('{"username":"%s","password":"%s"}', user[2], user[3])
  return wrk.format("POST", "/login", headers, body)
end

local threads = 0

-- Each thread has its own copy of this script and starts at another request.
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local requests = {}
local position = 0

function init()
  local users = rows("users.csv")
  if scenario == "login" then
    for index, user in ipairs(users) do
      requests[index] = login(user)
    end
  else
    for index, session in ipairs(rows("cookies.csv")) do
      local user = users[(index + DISTANCE - 1) % #users + 1]
      if scenario == "mixed" and index % LOGIN_EACH == 0 then
        requests[index] = login(user)
      else
        requests[index] = wrk.format("GET", "/user/" .. user[1], { Cookie = session[1] })
      end
    end
  end
  position = number * 997
end

function request()
  position = position + 1
  return requests[position % #requests + 1]
end

local is_broken = false

local function assert_that(holds, what)
  print((holds and "pass   " or "FAIL   ") .. what)
  is_broken = is_broken or not holds
end

function done(summary, latency)
  local errors = summary.errors
  local unanswered = errors.connect + errors.read + errors.write + errors.timeout
  local p99_ms = latency:percentile(99) / 1000
  print(string.format("%s: p50 %.1f ms, p99 %.1f ms", scenario, latency:percentile(50) / 1000, p99_ms))
  assert_that(summary.requests > 0, "there were responses")
  assert_that(unanswered == 0, unanswered .. " requests without a response")
  -- wrk does not count redirects as errors. The server sends none on these paths.
  assert_that(errors.status == 0, errors.status .. " responses of 400 and above")
  assert_that(p99_ms <= limit_ms, "p99 of at most " .. limit_ms .. " ms")
  if is_broken then os.exit(1) end
end
