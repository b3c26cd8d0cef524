// SPDX-License-Identifier: GPL-2.0-only
// The state machine of one interrupt, as a table: kind, what is done to it, what must be seen.
#include <gtest/gtest.h>
#include <string>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/nested/left_group.hpp>

namespace nest::test {
namespace {

// Steps: + line up, - line down, E enable, D disable, P set pending, p clear pending, A set active, a clear active,
// ! the guest acknowledges, . it ends (EOI), ~ it is given the chance and sees nothing, @ run without doing anything.
struct Row {
    const char* name;
    unsigned intid;
    bool edge;
    const char* steps;
    bool pending, active;  // as the guest's ISPENDR and ISACTIVER show it in the end
};

// Who acknowledges and ends: a guest whose CPU interface is in hardware, or an L2 to which L1 leaves group 1, by traps.
enum class By { kHardware, kTraps };

class States : public testing::TestWithParam<std::tuple<Row, By>> {};

unsigned acknowledge(Machine& m, By by) {
    if (by == By::kHardware) {
        unsigned intid = 0;
        m.run(0, [&](FakeCpuInterface& g) { intid = g.acknowledge(); });
        return intid;
    }
    u64 intid = 0;
    EXPECT_TRUE(vgic::left_group_read(m.cpu(0), 1, arch::SysReg::ICC_IAR1_EL1, intid));
    return static_cast<unsigned>(intid);
}
void end(Machine& m, By by, unsigned intid) {
    if (by == By::kHardware)
        m.run(0, [&](FakeCpuInterface& g) { g.eoi(intid); });
    else
        EXPECT_TRUE(vgic::left_group_write(m.cpu(0), 1, arch::SysReg::ICC_EOIR1_EL1, intid));
}

TEST_P(States, Follows) {
    const auto& [row, by] = GetParam();
    Machine m(1);
    const u64 frame = vgic::is_private(row.intid) ? Machine::gicr(0, 0x10000) : Machine::gicd(row.intid / 32 * 4);
    const u32 bit = vgic::bit_of(row.intid);
    if (row.edge && !vgic::is_private(row.intid))
        m.make_edge(row.intid);
    if (vgic::is_sgi(row.intid))
        m.enable(0, row.intid, false);
    for (const char* step = row.steps; *step; step++) {
        SCOPED_TRACE(std::string(row.name) + " at step " + std::to_string(step - row.steps) + " " + *step);
        switch (*step) {
        case '+': m.inject(0, row.intid, true); break;
        case '-': m.inject(0, row.intid, false); break;
        case 'E': m.write(0, frame + 0x100, bit); break;
        case 'D': m.write(0, frame + 0x180, bit); break;
        case 'P': m.write(0, frame + 0x200, bit); break;
        case 'p': m.write(0, frame + 0x280, bit); break;
        case 'A': m.write(0, frame + 0x300, bit); break;
        case 'a': m.write(0, frame + 0x380, bit); break;
        case '!': EXPECT_EQ(acknowledge(m, by), row.intid); break;
        case '.': end(m, by, row.intid); break;
        case '~': EXPECT_EQ(acknowledge(m, by), FakeCpuInterface::kSpurious); break;
        case '@': m.run(0, [](FakeCpuInterface&) {}); break;
        default: FAIL();
        }
        EXPECT_EQ(m.bank(0, row.intid).on_lr, 0u);
    }
    EXPECT_EQ((m.read(0, frame + 0x200) & bit) != 0, row.pending);
    EXPECT_EQ((m.read(0, frame + 0x280) & bit) != 0, row.pending);
    EXPECT_EQ((m.read(0, frame + 0x300) & bit) != 0, row.active);
}

constexpr Row kRows[] = {
    // name                     intid edge   steps        pending active
    {"edge_idle",                  40, true,  "E~",        false, false},
    {"edge_taken_once",            40, true,  "E+!.~",     false, false},
    {"edge_latched_disabled",      40, true,  "+~",        true,  false},
    {"edge_taken_when_enabled",    40, true,  "+~E!",      false, true},
    {"edge_falling_is_nothing",    40, true,  "E-~",       false, false},
    {"edge_stays_after_fall",      40, true,  "E+-!",      false, true},
    {"edge_kept_over_idle_runs",   40, true,  "E+@@@",     true,  false},
    {"edge_again_while_active",    40, true,  "E+!+",      true,  true},
    {"edge_again_delivered",       40, true,  "E+!+.!.~",  false, false},
    {"edge_two_rises_are_one",     40, true,  "E++!.~",    false, false},
    {"edge_cleared",               40, true,  "E+p~",      false, false},
    {"edge_set_by_guest",          40, true,  "EP!.~",     false, false},
    {"edge_disabled_again",        40, true,  "E+@D~",     true,  false},
    {"edge_disabled_while_active", 40, true,  "E+!D.~",    false, false},
    {"edge_restored_active",       40, true,  "EA~",       false, true},
    {"edge_active_cleared",        40, true,  "E+!a~",     false, false},
    {"edge_active_blocks",         40, true,  "EA+~",      true,  true},
    {"edge_active_then_free",      40, true,  "EA+~a!.~",  false, false},
    {"level_idle",                 41, false, "E~",        false, false},
    {"level_taken",                41, false, "E+!",       true,  true},
    {"level_repeats_while_high",   41, false, "E+!.!.!",   true,  true},
    {"level_lowered_in_handler",   41, false, "E+!-.~",    false, false},
    {"level_withdrawn",            41, false, "E+-~",      false, false},
    {"level_withdrawn_after_run",  41, false, "E+@-~",     false, false},
    {"level_disabled",             41, false, "+~",        true,  false},
    {"level_soft_pending",         41, false, "EP!",       false, true},
    {"level_soft_pending_once",    41, false, "EP!.~",     false, false},
    {"level_soft_survives_runs",   41, false, "EP@@!.~",   false, false},
    {"level_soft_while_active",    41, false, "E+!-P",     true,  true},
    {"level_soft_after_active",    41, false, "E+!-P.!.~", false, false},
    {"level_clear_leaves_line",    41, false, "E+p!",      true,  true},
    {"level_clear_drops_soft",     41, false, "EPp~",      false, false},
    {"level_soft_and_line",        41, false, "E+P-!",     false, true},
    {"level_active_blocks",        41, false, "EA+~",      true,  true},
    {"level_active_then_free",     41, false, "EA+~a!",    true,  true},
    {"ppi_taken",                  20, false, "E+!-.~",    false, false},
    {"ppi_repeats",                20, false, "E+!.!",     true,  true},
    {"ppi_disabled",               20, false, "+~",        true,  false},
    {"sgi_set_by_guest",            3, true,  "EP!.~",     false, false},
    {"sgi_latched_disabled",        3, true,  "P~",        true,  false},
    {"sgi_active_and_pending",      3, true,  "EP!P",      true,  true},
    {"sgi_cleared",                 3, true,  "EPp~",      false, false},
};
INSTANTIATE_TEST_SUITE_P(Table, States, testing::Combine(testing::ValuesIn(kRows), testing::Values(By::kHardware, By::kTraps)),
                         [](const auto& test) {
                             const bool traps = std::get<1>(test.param) == By::kTraps;
                             return std::string(std::get<0>(test.param).name) + (traps ? "_by_traps" : "");
                         });

TEST(StatesOfDistributor, DisabledForwardsNothingAndKeepsAll) {
    Machine m(1);
    m.make_edge(40);
    m.enable(0, 40);
    m.write(0, Machine::gicd(0), 0);
    m.inject(0, 40, true);
    EXPECT_FALSE(vgic::has_pending(m.cpu(0)));
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
    m.callbacks.kicks.clear();
    m.write(0, Machine::gicd(0), 2);
    EXPECT_TRUE(m.callbacks.kicked(0));
    EXPECT_TRUE(vgic::has_pending(m.cpu(0)));
    EXPECT_EQ(m.handle(0), 40u);
}

// What made it pending is remembered from the flush, not guessed from the configuration at the sync.
TEST(StatesOfDistributor, LevelListedByItsLineThenMadeAnEdge) {
    Machine m(1);
    m.enable(0, 40);
    m.inject(0, 40, true);
    m.flush(0);
    m.make_edge(40);
    m.sync(0);
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
}

TEST(StatesOfDistributor, InjectionErrors) {
    Machine m(1, 4, 64);
    EXPECT_EQ(vgic::inject(*m.distributor, 0, 64, true).error(), Errno::kInval);
    EXPECT_EQ(vgic::inject(*m.distributor, 0, 1020, true).error(), Errno::kInval);
    EXPECT_EQ(vgic::inject(*m.distributor, 0, ~0u, true).error(), Errno::kInval);
    EXPECT_EQ(vgic::inject(*m.distributor, 0, 5, true).error(), Errno::kInval);
    EXPECT_EQ(vgic::inject(*m.distributor, 1, 20, true).error(), Errno::kInval);
    EXPECT_TRUE(vgic::inject(*m.distributor, 9, 63, true).ok());
    Machine all(1, 4, 1024);
    EXPECT_TRUE(vgic::inject_spi(*all.distributor, 1019, true).ok());
    EXPECT_EQ(vgic::inject_spi(*all.distributor, 1020, true).error(), Errno::kInval);
}

TEST(StatesOfDistributor, OwnedLinesBelongToTheirOwner) {
    Machine m(1);
    int owner = 0, other = 0;
    m.enable(0, 27);
    EXPECT_TRUE(vgic::set_owner(m.cpu(0), 27, &owner).ok());
    EXPECT_EQ(vgic::set_owner(m.cpu(0), 27, &other).error(), Errno::kExist);
    EXPECT_EQ(vgic::set_owner(m.cpu(0), 40, &owner).error(), Errno::kInval);
    EXPECT_TRUE(vgic::inject_ppi(m.cpu(0), 27, true).ok());
    EXPECT_EQ(m.handle(0), FakeCpuInterface::kSpurious);
    EXPECT_TRUE(vgic::inject_ppi(m.cpu(0), 27, true, &owner).ok());
    EXPECT_EQ(m.handle(0), 27u);
}

}  // namespace
}  // namespace nest::test
