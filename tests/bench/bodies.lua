-- wrk: posts the files 1, 2 ... COUNT of the folder BODIES, each once; TYPE is their media type, AUTHORIZATION and
-- CONNECTION headers, when set. Prints "good BAD PER-SECOND LEFT": LEFT 0 means that bodies were repeated, so the rate is
-- none.
local threads = {}
function setup(thread)
    thread:set("first", #threads)
    threads[#threads + 1] = thread
end

local bodies, folder = {}, os.getenv("BODIES")
at, count = 0, 0
function init()
    local step = tonumber(os.getenv("THREADS"))
    for i = first + 1, tonumber(os.getenv("COUNT")), step do
        local file = assert(io.open(folder .. "/" .. i, "rb"))
        bodies[#bodies + 1] = file:read("*a")
        file:close()
    end
    count = #bodies
    wrk.headers["Content-Type"] = os.getenv("TYPE")
    wrk.headers["Authorization"] = os.getenv("AUTHORIZATION")
    wrk.headers["Connection"] = os.getenv("CONNECTION")
end

function request()
    at = at + 1
    return wrk.format("POST", nil, nil, bodies[at] or bodies[#bodies])
end

function done(summary, latency, requests)
    local errors, left = summary.errors, 1
    for _, thread in ipairs(threads) do
        if thread:get("at") > thread:get("count") then
            left = 0
        end
    end
    local bad = errors.status + errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format("good %d %.1f %d\n", bad, (summary.requests - errors.status) * 1e6 / summary.duration, left))
end
