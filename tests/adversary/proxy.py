# SPDX-License-Identifier: Apache-2.0
"""The man in the middle: between every node and the broker, in MQTT.

It speaks QoS with both sides itself, so a message can be dropped, kept, doubled, changed or invented
without either side seeing anything but correct MQTT. Nothing happens but inside pump(): one thread,
and a run repeats as far as the nodes' own random bytes let it."""
import os
import selectors
import socket
import subprocess
import sys
import time

import wire

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))

import mosquitto  # pylint: disable=wrong-import-position

FENCE = "fence/"
FENCE_SUB_ID, FIRST_OWN_ID, LAST_OWN_ID = 65000, 30000, 60000


class Hang(Exception):
    """Something that must happen did not."""


class Letter:
    """Something a node (or, for revocations, the fleet) published."""

    def __init__(self, topic, payload, qos, retain, sender):
        self.topic, self.payload, self.qos, self.retain = topic, payload, qos, retain
        self.sender = sender
        self.to = None      # of data
        self.names = ()     # of revocations: whose
        self.flip = False   # the retain flag is turned on its way down
        self.down_qos = None
        self.got = set()


class Leg:
    """One node's connection."""

    def __init__(self, down, up):
        self.down, self.up = down, up
        self.from_node, self.from_broker = bytearray(), bytearray()
        self.name, self.level = None, 4
        self.up_id = self.down_id = FIRST_OWN_ID
        self.online = False
        self.delivered = []   # (topic, payload, hostile) in the order the node sees them
        self.waiting = {}     # QoS 2 towards the node: id -> what PUBREL hands over
        self.fences = set()   # marks that came back from the broker

    def next_up(self):
        self.up_id = FIRST_OWN_ID if self.up_id >= LAST_OWN_ID else self.up_id + 1
        return self.up_id

    def next_down(self):
        self.down_id = FIRST_OWN_ID if self.down_id >= LAST_OWN_ID else self.down_id + 1
        return self.down_id


class Broker:
    """A real mosquitto on a free loopback port."""

    def __init__(self, folder):
        self.held, self.port = mosquitto.reserve()
        conf = os.path.join(folder, "mosquitto.conf")
        mosquitto.configure(conf, self.port, ("allow_anonymous true", "set_tcp_nodelay true", "max_queued_messages 0",
                                              "max_inflight_messages 0", "log_dest none"))
        self.proc = subprocess.Popen([mosquitto.program(), "-c", conf], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        self.close()
        raise Hang("mosquitto did not start")

    def close(self):
        self.proc.terminate()
        try:
            self.proc.wait(30)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.held.close()


class Proxy:
    """on_publish(letter) decides about what nodes publish; on_deliver(leg, topic, payload, qos,
    retain) about what the broker hands out. The base class passes everything."""

    def __init__(self, broker_port):
        self.broker_port = broker_port
        self.sel = selectors.DefaultSelector()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.sel.register(self.listener, selectors.EVENT_READ, self.accept)
        self.legs = []
        self.fences = 0

    def on_publish(self, leg, letter):
        self.forward(leg, letter)

    def on_deliver(self, leg, topic, payload, qos, retain):
        self.deliver(leg, topic, payload, qos, retain)

    # -- sockets -----------------------------------------------------------------------------------

    def accept(self):
        down, _ = self.listener.accept()
        up = socket.create_connection(("127.0.0.1", self.broker_port))
        leg = Leg(down, up)
        for sock, handler in ((down, self.read_node), (up, self.read_broker)):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sel.register(sock, selectors.EVENT_READ, lambda h=handler, g=leg: h(g))
        self.legs.append(leg)

    def drop_leg(self, leg):
        if leg not in self.legs:
            return
        self.legs.remove(leg)
        for sock in (leg.down, leg.up):
            self.sel.unregister(sock)
            sock.close()

    def leg_of(self, name):
        for leg in reversed(self.legs):
            if leg.name == name:
                return leg
        return None

    def pump(self, timeout):
        """Works for at most `timeout` seconds on what is there; True when there was something."""
        ready = self.sel.select(timeout)
        for key, _ in ready:
            if key.fileobj.fileno() >= 0:
                key.data()
        return bool(ready)

    def close(self):
        for leg in list(self.legs):
            self.drop_leg(leg)
        self.sel.unregister(self.listener)
        self.listener.close()
        self.sel.close()

    def receive(self, leg, sock, buffer):
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.drop_leg(leg)
            return False
        buffer += data
        return True

    @staticmethod
    def write(sock, data):
        try:
            sock.sendall(data)
        except OSError:
            pass  # the reader notices

    # -- from a node -------------------------------------------------------------------------------

    def read_node(self, leg):
        if not self.receive(leg, leg.down, leg.from_node):
            return
        while leg in self.legs:
            got = wire.take(leg.from_node)
            if got is None:
                return
            self.from_node(leg, *got)

    def from_node(self, leg, kind, flags, body, raw):
        if kind == wire.CONNECT:
            leg.level, leg.name = wire.parse_connect(body)
        elif kind == wire.PUBLISH:
            topic, payload, qos, retain, pid = wire.parse_publish(flags, body, leg.level)
            if qos:
                self.write(leg.down, wire.answer(wire.PUBACK if qos == 1 else wire.PUBREC, pid))
            self.on_publish(leg, Letter(topic, payload, qos, retain, leg.name))
            return
        elif kind == wire.PUBREL:
            self.write(leg.down, wire.answer(wire.PUBCOMP, wire.packet_id(body)))
            return
        elif kind == wire.PUBREC:
            pid = wire.packet_id(body)
            if pid in leg.waiting:
                leg.delivered.append(leg.waiting.pop(pid))
            self.write(leg.down, wire.answer(wire.PUBREL, pid))
            return
        elif kind in (wire.PUBACK, wire.PUBCOMP):
            return
        self.write(leg.up, raw)

    # -- from the broker ---------------------------------------------------------------------------

    def read_broker(self, leg):
        if not self.receive(leg, leg.up, leg.from_broker):
            return
        while leg in self.legs:
            got = wire.take(leg.from_broker)
            if got is None:
                return
            self.from_broker(leg, *got)

    def from_broker(self, leg, kind, flags, body, raw):
        if kind == wire.PUBLISH:
            topic, payload, qos, retain, pid = wire.parse_publish(flags, body, leg.level)
            if qos:
                self.write(leg.up, wire.answer(wire.PUBACK if qos == 1 else wire.PUBREC, pid))
            if topic.startswith(FENCE):
                leg.fences.add(int(topic[len(FENCE):]))
            else:
                self.on_deliver(leg, topic, payload, qos, retain)
            return
        if kind == wire.PUBREL:
            self.write(leg.up, wire.answer(wire.PUBCOMP, wire.packet_id(body)))
            return
        if kind == wire.PUBREC:
            self.write(leg.up, wire.answer(wire.PUBREL, wire.packet_id(body)))
            return
        if kind in (wire.PUBACK, wire.PUBCOMP):
            return
        if kind == wire.SUBACK and wire.packet_id(body) == FENCE_SUB_ID:
            leg.online = True
            return
        self.write(leg.down, raw)
        if kind == wire.CONNACK:
            self.write(leg.up, wire.subscribe([FENCE + "+"], 1, FENCE_SUB_ID, leg.level))

    # -- what the attacker can do ------------------------------------------------------------------

    def forward(self, leg, letter):
        """To the broker, as the node published it."""
        pid = leg.next_up() if letter.qos else 0
        self.write(leg.up, wire.publish(letter.topic, letter.payload, letter.qos, letter.retain,
                                        pid, leg.level))

    def deliver(self, leg, topic, payload, qos, retain, hostile=1):
        """To a node, as the broker would."""
        item = (topic, payload, hostile)
        pid = leg.next_down() if qos else 0
        if qos == 2:
            leg.waiting[pid] = item
        else:
            leg.delivered.append(item)
        self.write(leg.down, wire.publish(topic, payload, qos, retain, pid, leg.level))

    def send_fence(self):
        """Every connection publishes a mark that every connection hears: what was before it on any
        of them has arrived everywhere once all marks have. Their numbers."""
        marks = []
        for leg in self.legs:
            if leg.online:
                self.fences += 1
                self.write(leg.up, wire.publish(FENCE + str(self.fences), b"", 1, 0,
                                                leg.next_up(), leg.level))
                marks.append(self.fences)
        return marks
