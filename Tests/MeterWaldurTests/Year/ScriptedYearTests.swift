import Meter
import MeterWaldur
import MeterWire
import Testing
import YearTruth

/// A year of two Waldurs and fifty tenants by a script, against what the script alone says.
@Suite struct ScriptedYearTests {
    @Test func `every invoice is right to the cent, and everything else has its place`()
        async throws
    {
        let truth = YearTruth()
        let world = try YearWorld()
        try await world.live()
        var invoices: [YearInvoiceKey: YearInvoice] = [:]
        for site in Site.allCases {
            invoices.merge(try world.simulation(site).world.invoices(site)) { first, _ in first }
        }
        areRight(invoices, truth)
        let numbers = try await YearNumbers(world)
        areEqual(numbers, truth)
        try haveWhatWasTold(world, truth)
        try await areExplained(world, truth)
        let astray = YearLines.difference(
            truth.carries.map(YearLines.text),
            world.book.billing.carries.values.map { YearLines.text($0, world.book) }
        )
        #expect(astray.isEmpty, "\(astray.joined(separator: "\n"))")
        try areTheRightIncidents(world.book, truth)
        #expect(world.violations.isEmpty, "\(world.violations)")
        #expect(world.book.openIntents.isEmpty)
        #expect(world.book.billing.foreign.isEmpty)
    }

    private func areRight(
        _ invoices: [YearInvoiceKey: YearInvoice],
        _ truth: YearTruth
    ) {
        for key in Set(invoices.keys).union(truth.invoices.keys).sorted() {
            let found = invoices[key] ?? YearInvoice()
            let due = truth.invoices[key] ?? YearInvoice()
            #expect(found.items.sorted() == due.items.sorted(), "\(key)")
            #expect(found.credit == due.credit && found.total == due.total, "\(key)")
        }
        let total = invoices.values.map(\.total).reduce(0, +)
        #expect("\(invoices.count) invoices, \(YearMoney.text(total))" == billed)
    }

    /// What Meter's ledgers and its book say of each class is what the script says.
    private func areEqual(_ numbers: YearNumbers, _ truth: YearTruth) {
        #expect(truth.table == table)
        #expect(truth.missing.isEmpty, "\(truth.missing)")
        var told = truth.units(.billed)
        told.merge(truth.units(.carried)) { $0 + $1 }
        told.merge(truth.units(.residue)) { $0 - $1 }
        #expect(numbers.told.filter { $0.value != 0 } == told)
        for kind in YearClass.allCases
        where ![.billed, .carried, .takenBack].contains(kind) {
            let found = (numbers.units[kind] ?? [:]).filter { $0.value != 0 }
            #expect(found == truth.units(kind), "\(kind.rawValue)")
        }
        for (kind, amounts) in numbers.priced {
            #expect(YearTruth.money(amounts) == truth.money(kind), "\(kind.rawValue)")
        }
        var takenBack = truth.units(.takenBack)
        takenBack.merge(truth.units(.creditDue)) { $0 + $1 }
        #expect(numbers.corrected == takenBack.mapValues { -$0 })
    }

    /// Each verifies, and says of every row that is its tenant's alone what Waldur was told.
    private func haveWhatWasTold(_ world: YearWorld, _ truth: YearTruth) throws {
        let statements = world.statements
        // Twelve months of fifty tenants, without those in which n05 and n11 had nothing bound.
        #expect(statements.count == 592)
        let keys = Set(world.book.billing.statementKeys.map(\.publicKey))
        for statement in statements {
            let read = try SignedDocument(statement.file, publicKeys: keys)
            let json = try JSONParser.parse(read.contents)
            var told: [String: Int128] = [:]
            for line in json["lines"]?.array ?? [] {
                guard let confirmed = line["confirmed"]?.string,
                    let resource = line["resource"]?.string,
                    let component = line["component"]?.string
                else { continue }
                told["\(resource) \(component)", default: 0] += YearMoney.hundredths(confirmed)
            }
            for (row, amount) in told {
                let parts = row.split(separator: " ")
                let name = YearResource.all.first {
                    DoubleWorld.yearID("e", $0.tenant.site, $0.number) == parts[0]
                }?.name
                let due = truth.told["\(name ?? "") \(parts[1]) \(statement.month)"] ?? 0
                #expect(amount == due, "\(row) in \(statement.month)")
            }
        }
        var broken = try #require(statements.last).file
        broken[broken.count / 2] ^= 1
        #expect(throws: SignedDocumentDefect.self) {
            try SignedDocument(broken, publicKeys: keys)
        }
    }

    /// The reconciliation names every difference's cause, as the script has it: of each month when it is
    /// closed, by what had happened until then, and of all of them at the end of the year.
    private func areExplained(_ world: YearWorld, _ truth: YearTruth) async throws {
        #expect(world.reconciliations.count == YearClosing.all.count)
        for (closing, found) in world.reconciliations {
            let past = YearTruth(Year.rows.filter { $0.arrival < closing.minute })
            areEqual(found, past.shares, closing.site, closing.month, world.book, closing.name)
        }
        var others: Set<YearOtherItems> = []
        for site in Site.allCases {
            for month in (1...13).map({ YearMonth($0) }) {
                let found = try await world.simulation(site).reconcile(month.description)
                areEqual(found, truth.shares, site, month, world.book, "\(month), at the end")
                others.formUnion(YearLines.otherItems(found, month))
                for line in found.invoices {
                    let customer = YearLines.customer(line.customer)
                    let key = YearInvoiceKey(site: site, customer: customer, month: month)
                    let due = truth.invoices[key]?.total ?? 0
                    #expect(YearLines.hundredths(line.total) == due, "\(key)")
                }
            }
        }
        #expect(others == truth.otherItems)
    }

    private func areEqual(
        _ found: Reconciliation,
        _ shares: [YearShare],
        _ site: Site,
        _ month: YearMonth,
        _ book: BookState,
        _ when: String
    ) {
        let due = shares.filter {
            $0.month == month && YearResource.named($0.resource).tenant.site == site
        }
        let missing = YearLines.difference(due.map(YearLines.text), YearLines.all(found, book))
        #expect(missing.isEmpty, "\(when):\n\(missing.joined(separator: "\n"))")
        #expect(found.faults.isEmpty, "\(when): \(found.faults)")
        #expect(found.unseen.isEmpty && found.seesItems, "\(when)")
    }

    private func areTheRightIncidents(_ book: BookState, _ truth: YearTruth) throws {
        let incidents = book.billing.incidents.map(\.incident)
        let misplaced = incidents.filter { $0.kind == .wrongMonth }.map { incident in
            "\(incident.key.month) \(incident.key.component) \(incident.quantity)"
        }
        #expect(misplaced.sorted() == wrongMonth)
        // What September's task found told before it ran: every Chat Standard's calls.
        let early = incidents.filter { $0.kind == .beforeTurn }
        #expect(Set(early.map(\.key.month.description)) == ["2026-09"])
        #expect(Set(early.map(\.key.component)) == ["agent_calls"])
        #expect(early.allSatisfy { $0.frozenPrice == "0.04" && $0.duePrice == "0.05" })
        // What October's copy of the east's host wrote while it was awake.
        let copied = incidents.filter { $0.kind == .secondMeter }
        #expect(copied.map(\.key.month.description) == ["2026-10"])
        #expect(copied.map(\.key.component) == ["images"])
        #expect(incidents.count == misplaced.count + early.count + copied.count)
    }

    // MARK: The year in numbers

    private let billed = "578 invoices, 253943.18"
    /// Of each class, how many of Meter's smallest units there are, and what they are worth.
    private let table = """
        billed: 61781 agent_calls, 44166 images, 9087794447 input_tokens, 5047120 tool_seconds, 231776.33
        carried: 5208 agent_calls, 3395 images, 874952389 input_tokens, 430316 tool_seconds, 22160.12
        taken back: 57980 input_tokens, 1.82
        changed in Waldur: 219 images, 32.85
        credit requested: taken back: 442020 input_tokens, 13.82
        credit requested: 40 agent_calls, 1.20
        written off: 23 agent_calls, 0.46
        waits: other price: 200 agent_calls, 4.15
        waits: other plan: 18 agent_calls, 0.54
        waits: other customer: 18 agent_calls, 15000 input_tokens, 0.83
        waits: resource gone: 63 agent_calls, 25000 input_tokens, 2.59
        free: 2204 agent_calls, 404304 input_tokens
        trial: 374 agent_calls, 18648 input_tokens
        shadow: 924 images, 110060000 input_tokens
        not in the offering: 90 gpu_minutes
        no plan: 6 agent_calls
        unbilled outcome: 37 agent_calls
        unassigned: 26 agent_calls
        residue: 91186 input_tokens, 36 tool_seconds
        """.split(separator: "\n").map(String.init)
    /// e05's last total of November, its calls at eight minutes to midnight included.
    private let wrongMonth = ["2026-12 images 275.00", "2026-12 input_tokens 72.64"]
}
