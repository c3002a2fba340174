package import MeterWire

/// The canonical workload: events of 4 amounts with model, outcome and duration, 10^6 live keys over
/// 10^4 agents (zipf) in 25 minutes, 1,000 sources, frames that carry their own names.
///
/// Frames are sealed before the measurement. Totals per component are kept to compare with.
package struct CanonicalWorkload {
    package static let components = [
        "input_tokens", "output_tokens", "agent_calls", "tool_seconds",
    ]
    package static let tenantCount = 100
    package static let agentCount = 10_000
    package static let minuteCount = 25
    package static let sourceCount = 1_000
    /// Sealed frames, and for each the source's number and the events of that source up to its end.
    package let frames: [[UInt8]]
    package let sources: [Int]
    package let ends: [UInt64]
    package let eventCount: Int
    /// Agents and tenants in the frames' dictionaries.
    package let nameCount: Int
    package let totals: [String: UInt128]

    /// The sources by their numbers: other ones in each run, so that a server counts each run anew.
    package let sourceIDs: [SourceID]

    package var amountCount: Int { eventCount * CanonicalWorkload.components.count }

    /// - Parameter start: Milliseconds since 1970 of the first minute.
    package init(
        frameCount: Int, eventsPerFrame: Int, suite: TagSuite, key: WireKey, start: Int64
    ) {
        var random = SplitMix(state: 0x5EED)
        let zipf = Zipf(count: CanonicalWorkload.agentCount)
        let protection: WireProtection =
            switch suite {
            case .crc32c: .none
            case .hmacSHA256: .signed(key)
            case .aes256GCM: .encrypted(key)
            }
        let life = UInt64.random(in: 1 ... .max)
        let sealers = (0..<CanonicalWorkload.sourceCount).map {
            FrameSealer(
                source: SourceID(high: life, low: UInt64($0)), protection: protection)
        }
        var sequences = Array(repeating: UInt64(0), count: sealers.count)
        var frames: [[UInt8]] = []
        var numbers: [Int] = []
        var ends: [UInt64] = []
        var totals: [String: UInt128] = [:]
        var encoder = PayloadEncoder(byteCountMax: 1 << 19)
        var nameCount = 0
        for number in 0..<frameCount {
            encoder.removeAll()
            var agents: Set<Int> = []
            for _ in 0..<eventsPerFrame {
                let agent = zipf.draw(&random)
                agents.insert(agent)
                let event = CanonicalWorkload.event(of: agent, start, &random)
                for amount in event.amounts {
                    totals[amount.component, default: 0] += UInt128(amount.amount)
                }
                precondition(encoder.append(event) == .appended, "the workload can be encoded")
            }
            let source = number % sealers.count
            frames.append(
                sealers[source].seal(
                    encoder, firstSequence: sequences[source], durableThrough: 0, using: &random))
            sequences[source] += UInt64(eventsPerFrame)
            numbers.append(source)
            ends.append(sequences[source])
            nameCount += agents.count + Set(agents.map { $0 % CanonicalWorkload.tenantCount }).count
        }
        self.frames = frames
        sources = numbers
        self.ends = ends
        sourceIDs = sealers.map(\.source)
        self.totals = totals
        eventCount = frameCount * eventsPerFrame
        self.nameCount = nameCount
    }

    private static func event(
        of agent: Int, _ start: Int64, _ random: inout SplitMix
    ) -> UsageEvent {
        let minute = Int64.random(in: 0..<Int64(minuteCount), using: &random)
        return UsageEvent(
            time: Timestamp(
                milliseconds: start + minute * 60_000
                    + Int64.random(in: 0..<60_000, using: &random)),
            tenant: "tenant-\(agent % tenantCount)", agent: "agent-\(agent)",
            amounts: [
                ComponentAmount("input_tokens", .random(in: 1...8_000, using: &random)),
                ComponentAmount("output_tokens", .random(in: 1...1_000, using: &random)),
                ComponentAmount("agent_calls", 1),
                ComponentAmount("tool_seconds", .random(in: 0...20_000, using: &random)),
            ], model: "model-\(agent % 5)", outcome: .ok,
            durationMilliseconds: .random(in: 50...30_000, using: &random))
    }
}

/// Seeded randomness: the same workload in every run.
package struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    package init(state: UInt64) { self.state = state }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Ranks drawn with a probability that falls as 1/rank.
struct Zipf {
    private let cumulative: [Double]

    init(count: Int) {
        var sum = 0.0
        cumulative = (1...count).map { rank in
            sum += 1 / Double(rank)
            return sum
        }
    }

    func draw(_ random: inout SplitMix) -> Int {
        let target = Double.random(in: 0..<(cumulative.last ?? 1), using: &random)
        var low = 0
        var high = cumulative.count - 1
        while low < high {
            let middle = (low + high) / 2
            if cumulative[middle] > target { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
