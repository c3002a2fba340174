internal import Crypto
internal import FoundationEssentials
internal import Meter
internal import MeterWaldur
internal import MeterWire

/// What a file would add, and what of it may have been metered already.
struct BackfillPlan {
    /// What one agent used of one component in one month, by the file and in the same minutes before.
    struct Overlap {
        let tenant: Name
        let agent: Name
        let component: Name
        let month: BillingMonth
        let inFile: UInt128
        /// Metered already in the minutes that the file has something in.
        let metered: UInt128
        /// Minutes in which exactly what the file has was metered already.
        let equalMinutes: Int
        let minutes: Int
    }

    let file: String
    let frames: BackfillFrames
    /// Its usage, as lines that add as much.
    let added: CorrectionPlan
    let overlaps: [Overlap]
    let earliest: Minute
    let latest: Minute

    /// What whoever applies it has looked at, 64 hexadecimal digits.
    var digest: String {
        var hash = SHA256()
        hash.update(data: Data("backfill\t\(file)\t\(added.digest)\n".utf8))
        for overlap in overlaps {
            let fields = [
                overlap.tenant.description, overlap.agent.description,
                overlap.component.description, overlap.month.description, "\(overlap.inFile)",
                "\(overlap.metered)", "\(overlap.equalMinutes)",
            ]
            hash.update(data: Data((fields.joined(separator: "\t") + "\n").utf8))
        }
        return Hexadecimal.text(hash.finalize())
    }

    var totals: [BackfillBegun.Total] {
        var sums: [TenantLine.Key: UInt128] = [:]
        for overlap in overlaps {
            let key = TenantLine.Key(tenant: overlap.tenant, component: overlap.component)
            sums[key] = (sums[key] ?? 0) &+ overlap.inFile
        }
        return sums.sorted { $0.key < $1.key }.map {
            BackfillBegun.Total(
                tenant: $0.key.tenant,
                component: $0.key.component,
                amount: Quantity($0.value)
            )
        }
    }

    var json: [JSONMember] {
        [
            JSONMember("file", .string(file)),
            JSONMember("events", .decimal(frames.eventCount)),
            JSONMember("from", .string(RFC3339.text(earliest))),
            JSONMember("to", .string(RFC3339.text(latest))),
            JSONMember(
                "agents",
                .array(
                    overlaps.map { overlap in
                        [
                            "tenant": .string(overlap.tenant.description),
                            "agent": .string(overlap.agent.description),
                            "component": .string(overlap.component.description),
                            "month": .string(overlap.month.description),
                            "inFile": .decimal(overlap.inFile),
                            "metered": .decimal(overlap.metered),
                            "minutes": .count(overlap.minutes),
                            "equalMinutes": .count(overlap.equalMinutes),
                        ]
                    }
                )
            ),
        ]
    }
}

extension AdjustmentPlanning {
    /// Reads a file, checks all of it, and asks what was metered in its minutes.
    func backfill(
        _ bytes: [UInt8],
        _ format: BackfillFile.Format
    ) async throws(Problem) -> BackfillPlan {
        let book = ledger.source.book
        let file = try read(bytes, format)
        try check(file, book)
        let hash = Hexadecimal.text(SHA256.hash(data: bytes))
        guard let source = SourceID(backfill: hash) else { throw .internalError }
        let frames: BackfillFrames
        do throws(BackfillFrames.Defect) {
            frames = try BackfillFrames(file.events, source: source)
        } catch {
            throw .badBody("The file is not taken: \(file.places[error.index]): \(error.defect).")
        }
        var amounts: [CorrectionCell: UInt128] = [:]
        var attributed: [CorrectionCell: UInt128] = [:]
        var earliest = Minute(rawValue: .max)
        var latest = Minute(rawValue: 0)
        for event in file.events {
            guard let minute = Minute(event.time) else { continue }
            earliest = min(earliest, minute)
            latest = max(latest, minute)
            for amount in event.amounts {
                let cell = CorrectionCell(
                    tenant: Name(event.tenant),
                    agent: Name(event.agent),
                    access: event.access,
                    component: Name(amount.component),
                    minute: minute
                )
                amounts[cell, default: 0] += UInt128(amount.amount)
                // How a call ended and which way it came decide whether it is billed.
                let part = cell.part(of: event.outcome, .native)
                attributed[part, default: 0] += UInt128(amount.amount)
            }
        }
        let metered = try await metered(amounts)
        var lines: [CorrectionLine] = []
        do throws(LedgerError) {
            for (cell, amount) in attributed.sorted(by: { $0.key < $1.key }) where amount > 0 {
                lines.append(CorrectionLine(cell, try LedgerAmount(total: amount)))
            }
        } catch {
            throw .badBody("The file cannot be added up: \(error).")
        }
        return BackfillPlan(
            file: hash,
            frames: frames,
            added: try plan(.amend, lines, book),
            overlaps: overlaps(amounts, metered),
            earliest: earliest,
            latest: latest
        )
    }

    private func read(
        _ bytes: [UInt8],
        _ format: BackfillFile.Format
    ) throws(Problem) -> BackfillFile {
        do throws(BackfillFile.Refusal) {
            return try BackfillFile(bytes, format)
        } catch {
            throw .badBody("The file is not taken: \(error.text).")
        }
    }

    /// Everything in it is counted, or nothing is: what would be refused is found before.
    private func check(_ file: BackfillFile, _ book: BookState) throws(Problem) {
        var refusal = BackfillFile.Refusal()
        for (event, place) in zip(file.events, file.places) {
            for amount in event.amounts where book.components[Name(amount.component)] == nil {
                refusal.add("\(place): component \(amount.component) is not declared")
            }
            if let access = event.access, let known = book.accesses[access],
                known.tenant != Name(event.tenant)
            {
                refusal.add("\(place): the access is not one of its tenant's")
            }
            if let reason = try refusalReason(of: event.time) { refusal.add("\(place): \(reason)") }
        }
        guard refusal.count == 0 else { throw .badBody("The file is not taken: \(refusal.text).") }
    }

    /// What was metered in the minutes of the cells, for each agent and component of the file.
    private func metered(
        _ amounts: [CorrectionCell: UInt128]
    ) async throws(Problem) -> [CorrectionCell: UInt128] {
        var metered: [CorrectionCell: UInt128] = [:]
        let days = Dictionary(grouping: amounts.keys) { $0.minute.rawValue / 1_440 }
        for day in days.keys.sorted() {
            let cells = days[day] ?? []
            let from = day * 1_440
            let answer = try await ledger.source.usage(
                UsageQuery(
                    tenants: Set(cells.map(\.tenant)),
                    agents: Set(cells.map(\.agent)),
                    components: Set(cells.map(\.component)),
                    windows: (from...from + 1_440).map { Minute(rawValue: $0) },
                    grouping: [.tenant, .agent, .access, .component, .window]
                )
            )
            for cell in cells {
                let group = UsageGroup(
                    tenant: cell.tenant,
                    agent: cell.agent,
                    access: cell.access,
                    component: cell.component,
                    window: Int(cell.minute.rawValue - from)
                )
                if let total = answer.totals[group] { metered[cell] = total.sum }
            }
        }
        return metered
    }

    private func overlaps(
        _ amounts: [CorrectionCell: UInt128],
        _ metered: [CorrectionCell: UInt128]
    ) -> [BackfillPlan.Overlap] {
        struct Key: Hashable {
            let tenant: Name
            let agent: Name
            let component: Name
            let month: BillingMonth
        }
        var groups: [Key: [CorrectionCell]] = [:]
        for cell in amounts.keys {
            guard let month = BillingMonth(of: cell.minute.start, in: ledger.zone) else { continue }
            let key = Key(
                tenant: cell.tenant,
                agent: cell.agent,
                component: cell.component,
                month: month
            )
            groups[key, default: []].append(cell)
        }
        let overlaps = groups.map { key, cells in
            BackfillPlan.Overlap(
                tenant: key.tenant,
                agent: key.agent,
                component: key.component,
                month: key.month,
                inFile: cells.reduce(0) { $0 &+ (amounts[$1] ?? 0) },
                metered: cells.reduce(0) { $0 &+ (metered[$1] ?? 0) },
                equalMinutes: cells.count { metered[$0] != nil && metered[$0] == amounts[$0] },
                minutes: cells.count
            )
        }
        return overlaps.sorted { left, right in
            if left.tenant != right.tenant { return left.tenant < right.tenant }
            if left.agent != right.agent { return left.agent < right.agent }
            if left.component != right.component { return left.component < right.component }
            return left.month < right.month
        }
    }
}

extension CorrectionCell {
    /// What calls that ended so and came in this way have in it.
    fileprivate func part(of outcome: Outcome, _ way: UsageWay) -> CorrectionCell {
        CorrectionCell(
            tenant: tenant,
            agent: agent,
            access: access,
            component: component,
            minute: minute,
            outcome: outcome,
            way: way
        )
    }
}
