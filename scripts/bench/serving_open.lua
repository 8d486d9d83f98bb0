-- For wrk: requests come at random times (Poisson) at a rate that hangs on nothing the server does. A free connection
-- takes the next time; where none is free, the wait for one counts. Arguments: a file of bodies, one a line; requests a
-- second; a file for the results: status, milliseconds and second of each. The server must send X-Request-ID back.
local ffi = require("ffi")
ffi.cdef([[ typedef struct { long s; long ns; } moment; int clock_gettime(int clock, moment *now); ]])
local moment = ffi.new("moment")
local bodies, at, rate, out, first = {}, 0, 1, nil, 0
local following, due, begun = 0, {}, {}
local head, tail = 1, 0

local function now()
   ffi.C.clock_gettime(1, moment)
   return tonumber(moment.s) + tonumber(moment.ns) / 1e9
end

function init(args)
   for line in io.lines(args[1]) do
      bodies[#bodies + 1] = line
   end
   rate = tonumber(args[2])
   out = io.open(args[3], "w")
   out:setvbuf("line")
   math.randomseed(13)
   first = now() + 0.1
   following = first
end

function delay()
   tail = tail + 1
   due[tail] = following
   local wait = math.max(0, following - now())
   following = following - math.log(1 - math.random()) / rate
   return math.ceil(wait * 1000)
end

function request()
   local sent, planned = now(), due[head]
   if planned then -- wrk asks for one request before it begins
      due[head], head = nil, head + 1
   end
   at = at + 1
   begun[at] = planned and sent - planned > 0.005 and planned or sent
   local headers = { ["Content-Type"] = "application/json", ["X-Request-ID"] = tostring(at) }
   return wrk.format("POST", nil, headers, bodies[at % #bodies + 1])
end

function response(status, headers)
   local number = tonumber(headers["x-request-id"])
   local ended = now()
   out:write(string.format("%d %.3f %.3f\n", status, (ended - begun[number]) * 1000, begun[number] - first))
   begun[number] = nil
end
