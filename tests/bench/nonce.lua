-- wrk: posts the file BODY as an OCSP request whose last NONCE octets, those of its nonce, are others each time.
local file = assert(io.open(os.getenv("BODY"), "rb"))
local body, octets = file:read("*a"), tonumber(os.getenv("NONCE"))
file:close()
local head = body:sub(1, #body - octets)

function init()
    math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 100000)
end

function request()
    local nonce = {}
    for i = 1, octets do
        nonce[i] = string.char(math.random(0, 255))
    end
    return wrk.format("POST", nil, { ["Content-Type"] = "application/ocsp-request" }, head .. table.concat(nonce))
end

dofile(os.getenv("COUNT_LUA"))
