-- What wrk sends, and how it says what it saw. Arguments: METHOD FIRST STEP COUNT ANSWER BODY CLOSE [FIELD ...]
local requests, position = {}, 0

function init(args)
  local method, answer = args[1], args[5]
  local first, step, count = tonumber(args[2]), tonumber(args[3]), tonumber(args[4])
  local body = tonumber(args[6]) > 0 and string.rep("x", tonumber(args[6])) or nil
  local headers = { ["Host"] = wrk.headers["Host"], ["Accept"] = "*/*", ["User-Agent"] = "wrk" }
  if args[7] == "close" then headers["Connection"] = "close" end
  for index = 0, count - 1 do
    local path = string.format("/r%06d/%s", first + step * index, answer)
    for place = 8, #args do
      local name, value = args[place]:match("^([^:]+): *(.*)$")
      headers[name] = value:gsub("#", tostring(first + step * index))
    end
    requests[index] = wrk.format(method, path, headers, body)
  end
end

function request()
  position = position + 1
  if not requests[position] then position = 0 end
  return requests[position]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    "\nRESULT %d %d %d %d %d %d %d %d %d %d %d\n",
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    e.connect, e.read, e.write, e.status, e.timeout))
end
