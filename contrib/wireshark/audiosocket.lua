-- A Wireshark dissector for AudioSocket, the protocol of Asterisk's `AudioSocket()` application, its
-- AudioSocket channel and its ARI external media. For Wireshark and tshark 3.6 and later.
--
-- A frame is: kind (1 byte), length (2 bytes, big endian), payload (`length` bytes).
-- Asterisk connects. Its first frame is the UUID of the call: 01 00 10, then 16 bytes.
-- Source: res/res_audiosocket.c of Asterisk 18 to 23.

local audiosocket = Proto("audiosocket", "AudioSocket (Asterisk)")

local HEADER_LEN = 3
local HANGUP, UUID, SILENCE, DTMF, ERROR = 0x00, 0x01, 0x02, 0x03, 0xff

local kinds = {
    [HANGUP] = "Hangup",
    [UUID] = "UUID",
    [SILENCE] = "Silence (legacy)",
    [DTMF] = "DTMF",
    [ERROR] = "Error",
}

-- The kinds of audio and their sample rates in Hz.
local rates = {
    [0x10] = 8000,
    [0x11] = 12000,
    [0x12] = 16000,
    [0x13] = 24000,
    [0x14] = 32000,
    [0x15] = 44100,
    [0x16] = 48000,
    [0x17] = 96000,
    [0x18] = 192000,
}
for kind, rate in pairs(rates) do
    kinds[kind] = string.format("Audio %d Hz", rate)
end

local BYTES_PER_SAMPLE = 2

local f = audiosocket.fields
f.kind = ProtoField.uint8("audiosocket.kind", "Kind", base.HEX, kinds)
f.length = ProtoField.uint16("audiosocket.length", "Length", base.DEC)
f.payload = ProtoField.bytes("audiosocket.payload", "Payload")
f.uuid = ProtoField.string("audiosocket.uuid", "UUID")
f.digit = ProtoField.string("audiosocket.digit", "Key")
f.audio = ProtoField.bytes("audiosocket.audio", "Audio")
f.rate = ProtoField.uint32("audiosocket.rate", "Sample rate in Hz", base.DEC)
f.duration = ProtoField.double("audiosocket.duration", "Duration in ms, if the audio is linear")
f.delta = ProtoField.double("audiosocket.delta", "Time since the audio frame before, same direction, in ms")
f.error = ProtoField.uint8("audiosocket.error", "Error", base.HEX)
f.error_hangup = ProtoField.bool("audiosocket.error.hangup", "The caller hung up", 8, nil, 0x01)
f.error_frame = ProtoField.bool("audiosocket.error.frame", "A frame could not be forwarded", 8, nil, 0x02)
f.error_memory = ProtoField.bool("audiosocket.error.memory", "Memory error", 8, nil, 0x04)
f.call = ProtoField.string("audiosocket.call", "Call")
f.from_asterisk = ProtoField.bool("audiosocket.from_asterisk", "From Asterisk")

local e = {
    unknown = ProtoExpert.new(
        "audiosocket.unknown_kind", "Unknown kind of frame", expert.group.PROTOCOL, expert.severity.WARN),
    length = ProtoExpert.new(
        "audiosocket.wrong_length", "Wrong length for this kind", expert.group.MALFORMED, expert.severity.WARN),
    to_asterisk = ProtoExpert.new(
        "audiosocket.fatal_to_asterisk", "Asterisk ends the call at this frame", expert.group.PROTOCOL, expert.severity.ERROR),
    reported = ProtoExpert.new(
        "audiosocket.error_reported", "Asterisk reports an error", expert.group.SEQUENCE, expert.severity.NOTE),
}
audiosocket.experts = { e.unknown, e.length, e.to_asterisk, e.reported }

audiosocket.prefs.ports = Pref.range(
    "TCP ports", "9092", "The ports of AudioSocket servers. A call on another port is found by its first frame.", 65535)

-- The state of each connection (tcp.stream), and the delta of each audio frame. Wireshark dissects a packet several
-- times, so the first pass over the capture fills both.
local calls = {}
local deltas = {}

local tcp_stream = Field.new("tcp.stream")

local function call_of(pinfo)
    local stream = tcp_stream()
    local key = stream and stream.value or 0
    calls[key] = calls[key] or { latest = {} }
    return calls[key], key
end

local function format_uuid(range)
    local hex = tostring(range:bytes()):lower()
    return string.format(
        "%s-%s-%s-%s-%s", hex:sub(1, 8), hex:sub(9, 12), hex:sub(13, 16), hex:sub(17, 20), hex:sub(21, 32))
end

-- Returns the time in ms since the audio frame before this one.
local function delta_of(call, stream, direction, pinfo, offset)
    local key = string.format("%s/%s/%s/%d", stream, direction, pinfo.number, offset)
    if not pinfo.visited then
        local before = call.latest[direction]
        local now = pinfo.rel_ts
        deltas[key] = before and (now - before) * 1000
        call.latest[direction] = now
    end
    return deltas[key]
end

local function frame_length(tvb, _, offset)
    return HEADER_LEN + tvb(offset + 1, 2):uint()
end

-- Dissects one whole frame. Returns its length.
local function dissect_frame(tvb, pinfo, root)
    local kind = tvb(0, 1):uint()
    local length = tvb(1, 2):uint()
    local name = kinds[kind] or string.format("Unknown kind 0x%02x", kind)
    local call, stream = call_of(pinfo)

    if kind == UUID and length == 16 and not pinfo.visited then
        call.uuid = call.uuid or format_uuid(tvb(HEADER_LEN, 16))
        call.asterisk_port = call.asterisk_port or pinfo.src_port
    end
    local from_asterisk = call.asterisk_port == nil or call.asterisk_port == pinfo.src_port

    local tree = root:add(audiosocket, tvb(0, HEADER_LEN + length), "AudioSocket: " .. name)
    tree:add(f.kind, tvb(0, 1))
    local length_item = tree:add(f.length, tvb(1, 2))
    if call.uuid then
        tree:add(f.call, call.uuid):set_generated()
    end
    tree:add(f.from_asterisk, from_asterisk):set_generated()

    local payload = length > 0 and tvb(HEADER_LEN, length) or nil
    local info = name
    local rate = rates[kind]
    if rate then
        tree:add(f.rate, rate):set_generated()
        if payload then
            tree:add(f.audio, payload)
            tree:add(f.duration, 1000 * length / BYTES_PER_SAMPLE / rate):set_generated()
        else
            length_item:add_proto_expert_info(from_asterisk and e.length or e.to_asterisk)
        end
        local delta = delta_of(call, stream, from_asterisk and "in" or "out", pinfo, tvb:offset())
        if delta then
            tree:add(f.delta, delta):set_generated()
        end
        info = string.format("%s, %d bytes", name, length)
    elseif kind == UUID then
        if length == 16 then
            local uuid = format_uuid(payload)
            tree:add(f.uuid, payload, uuid)
            info = "UUID " .. uuid
        else
            length_item:add_proto_expert_info(e.length)
        end
    elseif kind == DTMF then
        if length == 1 then
            -- A peer can send any byte, so that it is shown as a character only if it is a key.
            local byte = payload:uint()
            local key = string.char(byte)
            local digit = key:match("[0-9A-D*#]") or string.format("0x%02x", byte)
            tree:add(f.digit, payload, digit)
            info = "DTMF " .. digit
        else
            length_item:add_proto_expert_info(e.length)
        end
    elseif kind == ERROR then
        if length == 1 then
            local item = tree:add(f.error, payload)
            item:add(f.error_hangup, payload)
            item:add(f.error_frame, payload)
            item:add(f.error_memory, payload)
            info = string.format("Error 0x%02x", payload:uint())
        end
        tree:add_proto_expert_info(e.reported)
    elseif kind == HANGUP then
        if payload then
            tree:add(f.payload, payload)
        end
    else
        if payload then
            tree:add(f.payload, payload)
        end
        if not kinds[kind] then
            tree:add_proto_expert_info(e.unknown)
        end
    end

    -- Asterisk accepts a hangup and audio only. Source: chan_audiosocket.c, and a running Asterisk 22.10.1.
    if not from_asterisk and not rate and kind ~= HANGUP then
        tree:add_proto_expert_info(e.to_asterisk)
    end

    local column = tostring(pinfo.cols.info)
    if call.column_of == pinfo.number and column ~= "" then
        pinfo.cols.info:append("; " .. info)
    else
        pinfo.cols.info:set((from_asterisk and "> " or "< ") .. info)
    end
    call.column_of = pinfo.number
    return HEADER_LEN + length
end

function audiosocket.dissector(tvb, pinfo, root)
    pinfo.cols.protocol = "AudioSocket"
    local call = call_of(pinfo)
    call.column_of = nil
    dissect_tcp_pdus(tvb, root, HEADER_LEN, frame_length, dissect_frame)
end

-- A connection is AudioSocket if its first bytes are a UUID frame.
local function is_audiosocket(tvb, pinfo, root)
    if tvb:len() < HEADER_LEN + 16 or tvb(0, 1):uint() ~= UUID or tvb(1, 2):uint() ~= 16 then
        return false
    end
    -- The length of the next frame, if there is one, must be plausible, so that other protocols are not taken.
    if tvb:len() >= 22 and kinds[tvb(19, 1):uint()] == nil then
        return false
    end
    pinfo.conversation = audiosocket
    audiosocket.dissector(tvb, pinfo, root)
    return true
end

function audiosocket.init()
    calls = {}
    deltas = {}
end

local registered = ""
local function register_ports()
    local ports = DissectorTable.get("tcp.port")
    if registered ~= "" then
        ports:remove(registered, audiosocket)
    end
    registered = audiosocket.prefs.ports
    if registered ~= "" then
        ports:add(registered, audiosocket)
    end
end

-- Wireshark calls this function when the user changes the ports.
audiosocket.prefs_changed = register_ports
register_ports()
audiosocket:register_heuristic("tcp", is_audiosocket)
