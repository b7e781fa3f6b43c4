# SPDX-License-Identifier: Apache-2.0
"""MQTT packets, as much as somebody in the middle needs: MQTT 3.1.1 and 5 in both directions."""

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = (
    8, 9, 10, 11, 12, 13, 14, 15)


class Malformed(Exception):
    """Bytes that are no MQTT packet."""


def read_varint(data, at):
    """(value, next position), or None when bytes are missing. MQTT 5 section 1.5.5."""
    value = shift = 0
    for i in range(4):
        if at + i >= len(data):
            return None
        byte = data[at + i]
        value |= (byte & 0x7f) << shift
        shift += 7
        if not byte & 0x80:
            return value, at + i + 1
    raise Malformed("a length of more than four bytes")


def varint(value):
    out = bytearray()
    while True:
        byte = value & 0x7f
        value >>= 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def take(buffer):
    """Cuts one whole packet off a bytearray: (type, flags, body, raw), or None."""
    if len(buffer) < 2:
        return None
    length = read_varint(buffer, 1)
    if length is None or len(buffer) < length[1] + length[0]:
        return None
    end = length[1] + length[0]
    raw = bytes(buffer[:end])
    del buffer[:end]
    return raw[0] >> 4, raw[0] & 15, raw[length[1]:], raw


def packet(kind, flags, body):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def string(text):
    raw = text.encode() if isinstance(text, str) else text
    return len(raw).to_bytes(2, "big") + raw


def parse_connect(body):
    """(protocol level, client id)."""
    size = int.from_bytes(body[:2], "big")
    at = 2 + size
    level = body[at]
    at += 4  # level, flags, keep alive
    if level >= 5:
        props, at = read_varint(body, at)
        at += props
    size = int.from_bytes(body[at:at + 2], "big")
    return level, body[at + 2:at + 2 + size].decode()


def parse_publish(flags, body, level):
    """(topic, payload, qos, retain, packet id). Properties are dropped: nobody here needs one."""
    size = int.from_bytes(body[:2], "big")
    topic = body[2:2 + size].decode("utf-8", "replace")
    at = 2 + size
    qos = flags >> 1 & 3
    pid = 0
    if qos:
        pid = int.from_bytes(body[at:at + 2], "big")
        at += 2
    if level >= 5:
        props, at = read_varint(body, at)
        at += props
    return topic, body[at:], qos, flags & 1, pid


def publish(topic, payload, qos, retain, pid, level):
    body = string(topic)
    if qos:
        body += pid.to_bytes(2, "big")
    if level >= 5:
        body += b"\0"
    return packet(PUBLISH, qos << 1 | retain, body + payload)


def answer(kind, pid):
    """PUBACK, PUBREC, PUBREL, PUBCOMP: the short form is the same in both versions."""
    return packet(kind, 2 if kind == PUBREL else 0, pid.to_bytes(2, "big"))


def subscribe(filters, qos, pid, level):
    body = pid.to_bytes(2, "big") + (b"\0" if level >= 5 else b"")
    for text in filters:
        body += string(text) + bytes([qos])
    return packet(SUBSCRIBE, 2, body)


def packet_id(body):
    return int.from_bytes(body[:2], "big")
