-- wrk: posts the file BODY, as an OCSP request unless TYPE says otherwise.
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = os.getenv("TYPE") or "application/ocsp-request"

dofile(os.getenv("COUNT_LUA"))
