-- Prints "good BAD-COUNT PER-SECOND": only answers with a 2xx status count.
function done(summary, latency, requests)
    local errors = summary.errors
    local bad = errors.status + errors.connect + errors.read + errors.write + errors.timeout
    local good = summary.requests - errors.status
    io.write(string.format("good %d %.1f\n", bad, good * 1e6 / summary.duration))
end
