-- wrk: each request is a CSR that is signed at once. ORDER names the file with the JSON body, TOKEN the API token.
local file = assert(io.open(os.getenv("ORDER"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")

dofile(os.getenv("COUNT_LUA"))
