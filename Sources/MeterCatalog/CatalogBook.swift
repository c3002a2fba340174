internal import GRDB
internal import Meter
internal import MeterWire

/// From the book's entries to rows: one entry after the other, so that a catalog that followed the book is
/// equal to one that is made anew.
enum CatalogBook {
    static func head(_ database: Database) throws -> BookHead {
        guard let row = try Row.fetchOne(database, sql: "SELECT number, hash FROM book"),
            let hash = BookHash(row["hash"] as String)
        else { return .empty }
        return BookHead(number: UInt64(bitPattern: row["number"]), hash: hash)
    }

    static func apply(_ entries: some Sequence<BookEntry>, _ database: Database) throws {
        var head = try head(database)
        for entry in entries {
            if entry.number <= head.number {
                try compare(entry, head, database)
                continue
            }
            guard entry.number == head.number + 1 else {
                throw CatalogError.bookGap(has: head.number, given: entry.number)
            }
            guard entry.previous == head.hash else {
                throw CatalogError.bookDiffers(at: head.number)
            }
            try apply(entry, database)
            head = entry.head
        }
        guard head != .empty else { return }
        try database.execute(
            sql: "INSERT OR REPLACE INTO book VALUES (1, ?, ?)",
            arguments: [Int64(bitPattern: head.number), head.hash.description]
        )
    }

    /// An entry that is already in: the catalog must have seen the same one.
    private static func compare(
        _ entry: BookEntry,
        _ head: BookHead,
        _ database: Database
    ) throws {
        let known = try String.fetchOne(
            database,
            sql: "SELECT hash FROM decisions WHERE number = ?",
            arguments: [Int64(bitPattern: entry.number)]
        )
        guard known == entry.hash.description else {
            throw CatalogError.bookDiffers(at: entry.number)
        }
    }

    private static func apply(_ entry: BookEntry, _ database: Database) throws {
        let number = Int64(bitPattern: entry.number)
        let time = entry.time.milliseconds
        try database.execute(
            sql: "INSERT INTO decisions VALUES (?, ?, ?, ?, ?)",
            arguments: [
                number, time, entry.author, entry.decision.kind.rawValue, entry.hash.description,
            ]
        )
        switch entry.decision {
        case .principalSet(let principal): try put(principal, number, database)
        case .keyCreated(let key): try put(key, time, database)
        case .keyRevoked(let revocation):
            try database.execute(
                sql: "UPDATE keys SET revoked = ? WHERE id = ?",
                arguments: [time, revocation.id.description]
            )
        case .keyReplaced(let replacement):
            try database.execute(
                sql: "UPDATE keys SET expires = MIN(COALESCE(expires, ?2), ?2) WHERE id = ?1",
                arguments: [replacement.id.description, replacement.ends.milliseconds]
            )
        case .componentDeclared(let component):
            try database.execute(
                sql: "INSERT OR REPLACE INTO components VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    component.name.description, component.unit, component.reportedUnit,
                    String(component.unitsPerReported), number,
                ]
            )
        case .componentWithdrawn(let withdrawal):
            try database.execute(
                sql: "DELETE FROM components WHERE name = ?",
                arguments: [withdrawal.name.description]
            )
        case .accessMade(let access):
            try database.execute(
                sql: "INSERT OR REPLACE INTO accesses VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    access.id.description, access.tenant.description, access.agent.description,
                    access.label, number,
                ]
            )
        case .bindingSet(let binding): try put(binding, number, database)
        case .bindingEnded(let end): try apply(end, database)
        case .planPeriodsSeen(let seen): try put(seen, time, database)
        case .submissionIntended(let intent): try put(intent, time, database)
        case .submissionConfirmed(let outcome):
            try settle(outcome, "confirmed", time, database)
        case .submissionRefused(let outcome): try settle(outcome, "refused", time, database)
        case .submissionUnknown(let outcome): try settle(outcome, "unknown", nil, database)
        // Of these the list of decisions says enough: nobody looks them up by anything but their number.
        case .priceSeen, .openingBalance, .reportingResumed, .sourceRetired, .gapAccepted,
            .conflictDecided, .detailsErased, .limitsSet, .offeringUnitSet, .periodCut,
            .monthTurned, .carryMade, .carrySettled, .foreignFound, .foreignDecided, .orderSeen,
            .orderFlushed,
            .incidentFound, .adjustmentMade, .adjustmentAcknowledged,
            .resourceAdopted, .resourceReleased, .periodClosed, .periodReopened,
            .statementKeySet, .offeringFollowed, .correctionMade, .creditGranted,
            .countingDeclared, .backfillBegun, .backfillDone:
            break
        }
    }

    private static func put(
        _ principal: Principal,
        _ number: Int64,
        _ database: Database
    ) throws {
        let (kind, tenants): (String, String?) =
            switch principal.kind {
            case .platformForAll: ("platform-for-all", nil)
            case .platform(let tenants): ("platform", lines(tenants.sorted()))
            case .tenant(let tenant): ("tenant", tenant.description)
            }
        try database.execute(
            sql: "INSERT OR REPLACE INTO principals VALUES (?, ?, ?, ?, ?)",
            arguments: [
                Int64(bitPattern: principal.id.rawValue), kind, tenants, principal.label, number,
            ]
        )
    }

    private static func put(_ key: Key, _ time: Int64, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            arguments: [
                key.id.description, key.kind.rawValue, Int64(bitPattern: key.principal.rawValue),
                key.scopes.names.joined(separator: " "), key.label, time,
                key.expires?.milliseconds,
            ]
        )
    }

    private static func put(_ binding: Binding, _ number: Int64, _ database: Database) throws {
        try database.execute(
            sql: "INSERT OR REPLACE INTO bindings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            arguments: [
                binding.access.description, Int64(binding.from.rawValue),
                binding.to.map { Int64($0.rawValue) }, binding.tenant.description,
                binding.agent.description, binding.waldur.name, binding.resource.description,
                binding.class.rawValue, number,
            ]
        )
    }

    private static func apply(_ end: BindingEnd, _ database: Database) throws {
        if end.to <= end.from {
            try database.execute(
                sql: "DELETE FROM bindings WHERE access = ? AND from_minute = ?",
                arguments: [end.access.description, Int64(end.from.rawValue)]
            )
        } else {
            try database.execute(
                sql: "UPDATE bindings SET to_minute = ? WHERE access = ? AND from_minute = ?",
                arguments: [
                    Int64(end.to.rawValue), end.access.description, Int64(end.from.rawValue),
                ]
            )
        }
    }

    private static func put(
        _ seen: PlanPeriodsSeen,
        _ time: Int64,
        _ database: Database
    ) throws {
        let resource = [seen.waldur.name, seen.resource.description]
        // A reading that leaves something out does not unlearn it.
        try database.execute(
            sql: """
                INSERT INTO resources VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (waldur, resource) DO UPDATE SET
                    offering = coalesce(excluded.offering, offering),
                    customer = coalesce(excluded.customer, customer),
                    state = coalesce(excluded.state, state),
                    components = excluded.components, seen = excluded.seen
                """,
            arguments: [
                resource[0], resource[1], seen.offering?.description, seen.customer?.description,
                seen.resourceState, lines(Set(seen.components).sorted()), time,
            ]
        )
        for period in seen.periods {
            try database.execute(
                sql: "INSERT OR REPLACE INTO plan_periods VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    resource[0], resource[1], period.id.description, period.plan?.description,
                    period.planName, period.start.milliseconds, period.end?.milliseconds, time,
                ]
            )
        }
    }

    private static func put(
        _ intent: SubmissionIntent,
        _ time: Int64,
        _ database: Database
    ) throws {
        for item in intent.items {
            try database.execute(
                sql: """
                    INSERT OR REPLACE INTO submissions
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'intended', ?, NULL, NULL, NULL)
                    """,
                arguments: [
                    Int64(bitPattern: intent.number), item.component.description,
                    intent.waldur.name, intent.resource.description,
                    intent.planPeriod.description, intent.month.description,
                    Hexadecimal.text(intent.position), item.total.description,
                    item.amount.description, time,
                ]
            )
        }
    }

    /// Gives the components of an intent that are still open their outcome.
    private static func settle(
        _ outcome: SubmissionOutcome,
        _ state: String,
        _ time: Int64?,
        _ database: Database
    ) throws {
        let number = Int64(bitPattern: outcome.number)
        let open = try String.fetchAll(
            database,
            sql: """
                SELECT component FROM submissions
                WHERE number = ? AND state IN ('intended', 'unknown')
                """,
            arguments: [number]
        )
        let named = outcome.components.map { Set($0.map(\.description)) }
        for component in open where named?.contains(component) ?? true {
            try database.execute(
                sql: """
                    UPDATE submissions SET state = ?, settled = ?, status = ?, note = ?
                    WHERE number = ? AND component = ?
                    """,
                arguments: [
                    state, time, outcome.status.map { Int64($0) }, outcome.note, number, component,
                ]
            )
        }
    }

    private static func lines(_ names: [Name]) -> String {
        names.map(\.description).joined(separator: "\n")
    }
}
