internal import MeterWire

/// The names that one shard's counters refer to, as numbers that mean something only here.
///
/// A checkpoint's successor begins with none, so names cost memory only while they are used. Tenants, their
/// agents and the agents' series are chained, so that a question about some of them visits no others.
struct LiveNames: ~Copyable {
    /// What usage is counted for: an agent, or one access of it, by the way in which it came.
    struct Series {
        let agent: UInt32
        let access: AccessID?
        let way: UsageWay
        /// The agent's series that was made before, + 1; 0 at the end.
        let next: UInt32
    }

    private struct Agent {
        /// The tenant's agent that was made before, + 1; 0 at the end.
        let next: UInt32
        /// The agent's newest series, + 1.
        var firstSeries: UInt32 = 0
        /// The agent's native series without an access, + 1; 0 if it has none.
        var plainSeries: UInt32 = 0
    }

    private var tenants: NameTable
    private var agents: NameTable
    private var accesses: NameTable
    private var components: NameTable
    /// Which components calls have together.
    private(set) var shapes: ShapeTable
    /// The newest agent of each tenant, + 1.
    private var firstAgents: [UInt32] = []
    private var agentLinks: [Agent] = []
    /// In the order of their numbers.
    private(set) var series: [Series] = []
    /// The series of each entry of `accesses`.
    private var seriesOfAccess: [UInt32] = []
    /// Which components count tokens, by number.
    private var isTokens: [Bool] = []
    /// The variants of each component, by outcome, + 1; 0 where there is none yet.
    private var variants: [InlineArray<4, UInt32>] = []

    init(seed: UInt64) {
        tenants = NameTable(seed: seed)
        agents = NameTable(seed: seed)
        accesses = NameTable(seed: seed)
        components = NameTable(seed: seed)
        shapes = ShapeTable(seed: seed)
    }

    // MARK: - From bytes to numbers

    mutating func tenant(_ name: UnsafeRawBufferPointer) -> UInt32 {
        let number = unsafe tenants.intern(name)
        if Int(number) == firstAgents.count { firstAgents.append(0) }
        return number
    }

    mutating func agent(_ name: UnsafeRawBufferPointer, of tenant: UInt32) -> UInt32 {
        let number = unsafe agents.intern(name, of: tenant)
        if Int(number) == agentLinks.count {
            agentLinks.append(Agent(next: firstAgents[Int(tenant)]))
            firstAgents[Int(tenant)] = number + 1
        }
        return number
    }

    /// Whether the agent, which may be unknown, has native usage without an access here.
    func hasPlainSeries(_ agent: UInt32) -> Bool {
        agent != NameSearch.unknown && agentLinks[Int(agent)].plainSeries != 0
    }

    mutating func series(of agent: UInt32, _ access: AccessID?, by way: UsageWay) -> UInt32 {
        guard way == .native else { return spanSeries(of: agent, access) }
        guard let access else {
            let known = agentLinks[Int(agent)].plainSeries
            if known != 0 { return known - 1 }
            let number = append(agent, nil, .native)
            agentLinks[Int(agent)].plainSeries = number + 1
            return number
        }
        let entry = unsafe withUnsafeBytes(of: (access.high, access.low)) {
            unsafe accesses.intern($0, of: agent)
        }
        if Int(entry) == seriesOfAccess.count {
            seriesOfAccess.append(append(agent, access, .native))
        }
        return seriesOfAccess[Int(entry)]
    }

    /// Found among the accesses by a name that none of them has, since theirs have 16 bytes.
    private mutating func spanSeries(of agent: UInt32, _ access: AccessID?) -> UInt32 {
        var name: [UInt8] = [0]
        if let access {
            name.appendFixed64(access.high)
            name.appendFixed64(access.low)
        }
        let entry = unsafe name.withUnsafeBytes { unsafe accesses.intern($0, of: agent) }
        if Int(entry) == seriesOfAccess.count {
            seriesOfAccess.append(append(agent, access, .otlp))
        }
        return seriesOfAccess[Int(entry)]
    }

    private mutating func append(
        _ agent: UInt32, _ access: AccessID?, _ way: UsageWay
    ) -> UInt32 {
        let number = UInt32(truncatingIfNeeded: series.count)
        series.append(
            Series(
                agent: agent, access: access, way: way,
                next: agentLinks[Int(agent)].firstSeries))
        agentLinks[Int(agent)].firstSeries = number + 1
        return number
    }

    mutating func component(_ name: UnsafeRawBufferPointer) -> UInt32 {
        let number = unsafe components.intern(name)
        if Int(number) == isTokens.count {
            isTokens.append(unsafe name.suffix(7).elementsEqual("_tokens".utf8))
            variants.append(InlineArray(repeating: 0))
        }
        return number
    }

    /// The number of a component's variant for an outcome.
    mutating func variant(of component: UInt32, _ outcome: UInt8) -> UInt32 {
        let known = variants[Int(component)][Int(outcome)]
        if known != 0 { return known - 1 }
        let name = ComponentVariant(
            component: Name(bytes: Array(components[Int(component)])),
            outcome: Outcome(rawValue: outcome) ?? .ok
        ).name
        let number = unsafe name.bytes.withUnsafeBytes { unsafe self.component($0) }
        variants[Int(component)][Int(outcome)] = number + 1
        return number
    }

    /// The number of a list of components' numbers.
    mutating func shape(of components: ArraySlice<UInt32>) -> UInt32 {
        shapes.number(of: components)
    }

    /// Whether the component's amounts are tokens: its name ends in `_tokens`.
    func isTokens(_ component: UInt32) -> Bool { isTokens[Int(component)] }

    // MARK: - Looking up many at once

    func askTenant(_ name: UnsafeRawBufferPointer, in search: inout NameSearch) {
        unsafe tenants.ask(name, in: &search)
    }

    func findTenants(_ search: inout NameSearch) { tenants.find(&search) }

    /// - Parameter tenant: A tenant's number, or ``NameSearch/unknown``: it has no agents here.
    func askAgent(
        _ name: UnsafeRawBufferPointer, of tenant: UInt32, in search: inout NameSearch
    ) {
        unsafe agents.ask(name, of: tenant, in: &search)
    }

    func findAgents(_ search: inout NameSearch) { agents.find(&search) }

    func askComponent(_ name: UnsafeRawBufferPointer, in search: inout NameSearch) {
        unsafe components.ask(name, in: &search)
    }

    func findComponents(_ search: inout NameSearch) { components.find(&search) }

    // MARK: - From numbers to names

    func tenant(ofSeries number: UInt32) -> UInt32 {
        agents.owner(of: Int(series[Int(number)].agent))
    }

    func tenantName(_ number: UInt32) -> Name { Name(bytes: Array(tenants[Int(number)])) }

    func seriesName(_ number: UInt32) -> SeriesName {
        let series = series[Int(number)]
        return SeriesName(
            tenant: tenantName(agents.owner(of: Int(series.agent))),
            agent: Name(bytes: Array(agents[Int(series.agent)])), access: series.access,
            way: series.way)
    }

    /// In the order of their numbers.
    var seriesNames: [SeriesName] {
        series.indices.map { seriesName(UInt32(truncatingIfNeeded: $0)) }
    }

    /// In the order of their numbers.
    var componentNames: [Name] { (0..<components.count).map { Name(bytes: Array(components[$0])) } }

    /// Calls `body` with the number of each series of these tenants and agents; nil stands for all.
    ///
    /// - Complexity: O(series of the tenants), or O(series of the agents) where both are named.
    func forEachSeries(tenants wanted: Set<Name>?, agents: Set<Name>?, _ body: (UInt32) -> Void) {
        guard let wanted else {
            for number in series.indices where isWanted(series[number].agent, agents) {
                body(UInt32(truncatingIfNeeded: number))
            }
            return
        }
        for name in wanted {
            let found = unsafe name.bytes.withUnsafeBytes { unsafe tenants.find($0) }
            guard let tenant = found else { continue }
            if let agents {
                for agent in agents {
                    let known = unsafe agent.bytes.withUnsafeBytes {
                        unsafe self.agents.find($0, of: tenant)
                    }
                    if let known { forEachSeries(ofAgent: known, body) }
                }
            } else {
                var next = firstAgents[Int(tenant)]
                while next != 0 {
                    forEachSeries(ofAgent: next - 1, body)
                    next = agentLinks[Int(next - 1)].next
                }
            }
        }
    }

    private func forEachSeries(ofAgent agent: UInt32, _ body: (UInt32) -> Void) {
        var next = agentLinks[Int(agent)].firstSeries
        while next != 0 {
            body(next - 1)
            next = series[Int(next - 1)].next
        }
    }

    private func isWanted(_ agent: UInt32, _ wanted: Set<Name>?) -> Bool {
        wanted?.contains(Name(bytes: Array(agents[Int(agent)]))) ?? true
    }
}
