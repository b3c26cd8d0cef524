// SPDX-License-Identifier: GPL-2.0-only
// A real-time system of two tasks at EL1: control, which each tick of the virtual timer releases, before background, which works
// on a buffer all the time. Interrupts come from the machine's GIC without anyone between.
#include "../../guests/bare/gic.hpp"
#include "../mailbox.hpp"

namespace nest::partition {
namespace {

using guests::isb;
using guests::kVirtualTimer;

constexpr u64 kTicksPerSecond = 1000;
constexpr u64 kEl1hUnmasked = 5;
constexpr unsigned kFrameWords = 34;        // of start.S: x0 to x30, ELR, SPSR, a word of padding
constexpr unsigned kFrameLink = 31, kFrameState = 32;

u64 control_stack[512];
u64 background_stack[512];
u64 control_sp, background_sp;              // of the task that does not run
bool control_runs;
u64 due;                                    // CNTVCT_EL0 of the last tick
u64 released_by;                            // and of the one for which control runs

u64 buffer[256];

void wait() { asm volatile("svc #0" ::: "memory"); }

void control() {
    for (;;) {
        const u64 late = READ("cntvct_el0") - released_by;
        volatile Mailbox& box = mailbox();
        if (!box.activations || late < box.least)
            box.least = late;
        if (late > box.most)
            box.most = late;
        box.sum = box.sum + late;
        box.activations = box.activations + 1;
        if (box.ticks == box.crash_tick)
            guests::memory64(kLinuxEntry) = 0;
        wait();
    }
}

// Each round replaces each word by another that follows from it; the sum of a round is known from the one before.
void background() {
    u64 expected = 0;
    for (u64 i = 0; i < 256; i++)
        expected += buffer[i] = i;
    for (;;) {
        u64 sum = 0, next = 0;
        for (u64& word : buffer) {
            sum += word;
            word = word * 0x5851'f42d'4c95'7f2d + 1;
            next += word;
        }
        volatile Mailbox& box = mailbox();
        if (sum != expected)
            box.damaged = box.damaged + 1;
        expected = next;
        box.rounds = box.rounds + 1;
    }
}

// The frame with which a task starts.
u64 first_frame(u64* stack_end, void (*task)()) {
    u64* frame = stack_end - kFrameWords;
    frame[kFrameLink] = reinterpret_cast<u64>(task);
    frame[kFrameState] = kEl1hUnmasked;
    return reinterpret_cast<u64>(frame);
}

}  // namespace
}  // namespace nest::partition

using namespace nest::partition;

extern "C" [[noreturn]] void start_first(u64 sp);

// IRQ, all masked. A tick that comes while control still runs only counts.
extern "C" u64 rtos_tick(u64 sp) {
    const u64 intid = nest::guests::gic_acknowledge();
    if (intid == kVirtualTimer) {
        const u64 period = READ("cntfrq_el0") / kTicksPerSecond;
        volatile Mailbox& box = mailbox();
        due += period;
        for (; READ("cntvct_el0") - due >= period; due += period)
            box.skipped = box.skipped + 1;
        WRITE("cntv_cval_el0", due + period);
        isb();
        box.ticks = box.ticks + 1;
    }
    nest::guests::gic_end(intid);
    if (control_runs || intid != kVirtualTimer)
        return sp;
    control_runs = true;
    released_by = due;
    background_sp = sp;
    return control_sp;
}

// SVC of control: background goes on where the tick interrupted it.
extern "C" u64 rtos_wait(u64 sp) {
    control_runs = false;
    control_sp = sp;
    return background_sp;
}

extern "C" void rtos_main() {
    nest::guests::gic_init_cpu();
    nest::guests::gic_enable(kVirtualTimer);
    control_sp = first_frame(control_stack + 512, control);
    due = READ("cntvct_el0");
    WRITE("cntv_cval_el0", due + READ("cntfrq_el0") / kTicksPerSecond);
    WRITE("cntv_ctl_el0", 1);
    isb();
    start_first(first_frame(background_stack + 512, background));
}
