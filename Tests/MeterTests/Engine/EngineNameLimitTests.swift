import Meter
import MeterTesting
import MeterWire
import Testing

/// New names beyond a limit are refused by name; known ones never are, and refused ones leave nothing.
@Suite struct EngineNameLimitTests {
    @Test func `new agents beyond the limit are refused by name, known ones never`() throws {
        var options = EngineHarness.options
        options.limits.tenant[.agents] = 3
        let access = AccessID(high: 1, low: 1)
        let policy = EngineHarness.policy(accesses: [access: "acme"])
        let disk = SimulatedDisk()
        var harness = try EngineHarness(disk: disk, policy: policy, options: options)
        var maker = FrameMaker(source: 1)
        let known = (0..<3).map { UsageEvent.call(agent: "agent-\($0)") }
        harness.receive(maker.frame(known))
        for round in 0..<4 {
            let before = harness.counts
            harness.receive(
                maker.frame([
                    .call(agent: "new-\(round)"), .call(agent: "agent-1"),
                    .call(of: "nordix", agent: "new"),
                    .call(agent: "ordered-\(round)", access: access),
                ])
            )
            #expect(harness.counts.refused == before.refused + 1, "round \(round)")
            #expect(harness.counts.accepted == before.accepted + 3)
            harness.receive(maker.frame(known))
            #expect(harness.counts.accepted == before.accepted + 6)
            switch round {
            case 0: try harness.checkpoint()
            case 1:
                _ = try harness.engine.commit()
                harness = try harness.reopened(policy: policy, options: options)
            case 2:
                disk.fail(DiskFault(.sync))
                _ = try? harness.engine.commit()
                _ = try harness.engine.recover()
                maker.restart(at: harness.source(of: maker)?.watermark ?? 0)
            default: break
            }
        }
    }

    @Test func `new components beyond the limit are refused by name, known ones never`() throws {
        var options = EngineHarness.options
        options.limits.tenant[.components] = 3
        let policy = AdmissionPolicy(
            credentials: [
                EngineHarness.key.id: .init(
                    key: EngineHarness.key,
                    principal: EngineHarness.principal
                )
            ],
            principals: [EngineHarness.principal: .all],
            declaredComponents: ["declared"]
        )
        let disk = SimulatedDisk()
        var harness = try EngineHarness(disk: disk, policy: policy, options: options)
        var maker = FrameMaker(source: 1)
        let known = (0..<3).map { UsageEvent.call(component: "component-\($0)") }
        harness.receive(maker.frame(known))
        for round in 0..<4 {
            let before = harness.counts
            // The new one comes first, before the known ones are heard of in this process.
            harness.receive(
                maker.frame([
                    .call(component: "new-\(round)"), .call(component: "declared"),
                    .call(component: "component-2"),
                ])
            )
            // A new process counts a tenant's new names from none; what it knows it never refuses.
            let isNewProcess = round >= 2
            #expect(harness.counts.refused == before.refused + (isNewProcess ? 0 : 1))
            harness.receive(maker.frame(known))
            #expect(harness.counts.accepted == before.accepted + (isNewProcess ? 6 : 5))
            switch round {
            case 0: try harness.checkpoint()
            case 1:
                _ = try harness.engine.commit()
                harness = try harness.reopened(policy: policy, options: options)
            case 2:
                disk.fail(DiskFault(.sync))
                _ = try? harness.engine.commit()
                _ = try harness.engine.recover()
                maker.restart(at: harness.source(of: maker)?.watermark ?? 0)
            default: break
            }
        }
    }

    @Test func `refused names leave no trace in counters, segments and sources`() throws {
        var options = EngineHarness.options
        options.limits.tenant[.components] = 4
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            policy: EngineHarness.policy(tenants: .only(["acme"])),
            options: options
        )
        var maker = FrameMaker(source: 1)
        for round in 0..<10 {
            let junk = (0..<100).flatMap { number in
                [
                    UsageEvent.call(component: "junk-\(round)-\(number)"),
                    .call(of: "tenant-\(round)-\(number)"),
                ]
            }
            #expect(harness.receive(maker.frame([.call()] + junk)).disposition == .new)
        }
        #expect(harness.counts.accepted == 13)
        #expect(harness.source(of: maker)?.tenants == ["acme"])
        let summary = try #require(try harness.checkpoint())
        #expect(summary.segment.components.count == 4)
        #expect(summary.segment.seriesCount == 1)
    }
}
