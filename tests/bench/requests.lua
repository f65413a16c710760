-- Prints "count GOOD BAD": answers with a 2xx status, and everything else.
function done(summary, latency, requests)
    local errors = summary.errors
    local bad = errors.status + errors.connect + errors.read + errors.write + errors.timeout
    io.write(string.format("count %d %d\n", summary.requests - errors.status, bad))
end
