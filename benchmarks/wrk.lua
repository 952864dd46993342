-- Posts one body again and again and prints the outcome as one line of JSON.
-- Arguments: the file of the body, seconds until answers count for the steady rate, then names and values of headers.

local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds; long microseconds; } moment; int gettimeofday(moment *now, void *zone);")

local moment = ffi.new("moment")
local began, ramp, running
steady = 0

local function now()
  ffi.C.gettimeofday(moment, nil)
  return tonumber(moment.seconds) + tonumber(moment.microseconds) / 1e6
end

function setup(thread)
  running = thread
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  for at = 3, #arguments, 2 do
    wrk.headers[arguments[at]] = arguments[at + 1]
  end
  began, ramp = now(), tonumber(arguments[2])
end

function response(status)
  if status < 400 and now() - began >= ramp then
    steady = steady + 1
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %.6f, "failed": %d, "p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f, "steady": %d}\n',
    summary.requests,
    summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    latency.max / 1e3,
    running:get("steady")
  ))
end
