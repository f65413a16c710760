-- wrk: posts the file BODY as an OCSP request.
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/ocsp-request"

dofile(os.getenv("COUNT_LUA"))
