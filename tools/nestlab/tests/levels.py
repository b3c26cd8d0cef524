# SPDX-License-Identifier: GPL-2.0-only
"""The demo's programme: which guests run at which level, and the sentence that the summary says about each."""

from dataclasses import dataclass

from nestlab.machine import campaign


@dataclass(frozen=True)
class Act:
    """One thing to show."""

    title: str
    level: str
    command: str
    limit: float

    def item(self) -> campaign.Item:
        return campaign.Item(self.title, self.command, self.limit)


PROGRAMME = [
    Act("Debian's Linux 6.12, 4 vCPUs", "L0 → L1", "guest-linux.sh 6.12", 240),
    Act("Debian's Linux 7.2, 4 vCPUs", "L0 → L1", "guest-linux.sh 7.2", 240),
    Act("both at once, 4 vCPUs each", "L0 → L1", "guest-linux.sh 6.12 7.2", 480),
    Act("L1 6.12 with L2 6.12, 2 vCPUs each", "L0 → L1 → L2", "nested-linux.sh 6.12 6.12", 600),
    Act("L1 7.2 with L2 6.12, 2 vCPUs each", "L0 → L1 → L2", "nested-linux.sh 7.2 6.12", 600),
]

# The module's own counters, wherever it shows them; the peer has none that outlive a VM.
EXITS = campaign.Item("exits", "for file in /sys/kernel/debug/nestvisor/*; do [ -f $file ] && head -n 40 $file; done; true", 20)
