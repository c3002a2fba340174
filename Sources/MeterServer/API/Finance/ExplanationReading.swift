internal import Meter
internal import MeterDisk
internal import MeterWaldur
internal import MeterWire

/// Reads what an explanation is made of: ledger, book, usage by day, segments and sources.
struct ExplanationReading {
    let context: ServerContext
    let ledger: TenantLedger

    /// - Parameter withSources: Reads the kept journal, which takes as long as it is large.
    /// - Throws: ``Problem`` where usage, book or journal cannot be read, or are kept no longer.
    @concurrent
    func explain(
        _ subject: Explanation.Subject,
        withSources: Bool
    ) async throws(Problem) -> Explanation {
        // What is gone is said before anything long is read.
        let sources =
            withSources ? try ExplainedSources(subject, of: context.engine) : nil
        let reading = try await ledger.read(subject.tenant, in: subject.period)
        let (days, outcomes) = try await days(subject)
        return Explanation(
            subject: subject,
            reading: reading,
            told: try told(subject, reading),
            days: days,
            outcomes: outcomes,
            files: try await files(subject),
            sources: sources
        )
    }

    /// Usage by day and binding, in the time zone of the billing period; and the parts of it by outcome.
    private func days(
        _ subject: Explanation.Subject
    ) async throws(Problem) -> (
        days: [(key: Explanation.Day, total: UsageTotal)],
        outcomes: [(variant: ComponentVariant, total: UsageTotal)]
    ) {
        let book = context.book.state
        let windows = Set(midnights(subject.period) + Ledger.boundaries(book, subject.period))
            .sorted()
        let query = UsageQuery(
            tenants: [subject.tenant],
            agents: [subject.agent],
            components: [subject.component],
            windows: windows,
            grouping: [.access, .component, .window, .way],
            classes: .all,
            withVariants: true
        )
        let answer = try await ledger.source.usage(query)
        let resolver = AccessResolver(book)
        var totals: [Explanation.Day: UsageTotal] = [:]
        var parts: [ComponentVariant: UsageTotal] = [:]
        for (group, total) in answer.totals {
            guard let window = group.window, windows.indices.contains(window), let way = group.way
            else { continue }
            if let variant = group.component.flatMap({ ComponentVariant($0) }) {
                parts[variant, default: UsageTotal()].add(total)
                continue
            }
            let minute = windows[window]
            var key = Explanation.Day(
                date: CivilDate(daysSince1970: Int(ledger.zone.day(of: minute.start))),
                access: group.access
            )
            switch resolver.resolve(
                tenant: subject.tenant,
                agent: subject.agent,
                access: group.access,
                at: minute
            ) {
            case .bound(let binding):
                key.boundAccess = binding.access
                key.resource = binding.resource
                key.class = binding.class
            case .unassigned(let why): key.reason = why
            }
            key.isAdvisory =
                book.counting.class(
                    of: way,
                    tenant: subject.tenant,
                    agent: subject.agent,
                    at: minute
                ) == .advisory
            totals[key, default: UsageTotal()].add(total)
        }
        return (
            totals.map { (key: $0.key, total: $0.value) }.sorted { one, other in
                if one.key.date != other.key.date { return one.key.date.text < other.key.date.text }
                return (one.key.access?.description ?? "") < (other.key.access?.description ?? "")
            },
            parts.map { (variant: $0.key, total: $0.value) }
                .sorted { $0.variant.outcome.text < $1.variant.outcome.text }
        )
    }

    /// When each day of the period begins on Waldur's calendar: it may have 23 or 25 hours.
    private func midnights(_ period: BillingPeriod) -> [Minute] {
        let last = ledger.zone.day(of: period.end.start.advanced(byMilliseconds: -1))
        return (ledger.zone.day(of: period.start.start)...last).compactMap { day in
            Minute(ledger.zone.start(ofDay: day))
        } + [period.end]
    }

    /// What each segment has of it, and what is in none yet.
    private func files(
        _ subject: Explanation.Subject
    ) async throws(Problem) -> [Explanation.File] {
        let query = UsageQuery(
            tenants: [subject.tenant],
            agents: [subject.agent],
            components: [subject.component],
            windows: [subject.period.start, subject.period.end],
            grouping: [],
            classes: .all
        )
        // A checkpoint may come between; then the parts are of two moments.
        for _ in 0..<3 {
            let segments = context.engine.segments
            var files: [Explanation.File] = []
            var inFiles = UsageTotal()
            for segment in segments {
                var accumulator = UsageAccumulator(query)
                do throws(SegmentError) {
                    _ = try segment.scan(into: &accumulator)
                } catch {
                    throw .unavailable("Segment \(segment.name) could not be read: \(error).")
                }
                let total = accumulator.finish().values.first ?? UsageTotal()
                guard total.count > 0 else { continue }
                inFiles.add(total)
                files.append(
                    Explanation.File(
                        name: segment.name,
                        span: segment.span,
                        minutes: segment.minutes,
                        total: total
                    )
                )
            }
            let answer = try await ledger.source.usage(query)
            guard context.engine.segments.map(\.name) == segments.map(\.name) else { continue }
            let all = answer.totals.values.first ?? UsageTotal()
            if all.count > inFiles.count {
                files.append(
                    Explanation.File(
                        name: "counters in memory, of the journal since the last checkpoint",
                        span: nil,
                        minutes: nil,
                        total: UsageTotal(
                            sum: all.sum &- inFiles.sum,
                            count: all.count &- inFiles.count
                        )
                    )
                )
            }
            return files
        }
        throw .unavailable("Files change faster than they can be read.", retryAfter: 1)
    }

    /// The submissions of every row that has some of it, from the book's own files.
    private func told(
        _ subject: Explanation.Subject,
        _ reading: TenantLedger.Reading
    ) throws(Problem) -> [SubmissionKey: [Explanation.Told]] {
        let rows = Set(
            reading.month.attributed.filter {
                $0.key.tenant == subject.tenant && $0.key.agent == subject.agent
                    && $0.key.component == subject.component
            }.compactMap { usage in
                usage.key.planPeriod.map { planPeriod in
                    SubmissionKey(
                        waldur: usage.key.resource.waldur,
                        resource: usage.key.resource.resource,
                        component: usage.key.told,
                        planPeriod: planPeriod,
                        month: subject.period.month
                    )
                }
            }
        )
        guard !rows.isEmpty else { return [:] }
        var told: [SubmissionKey: [Explanation.Told]] = [:]
        var keys: [UInt64: [SubmissionKey]] = [:]
        func settle(_ outcome: SubmissionOutcome, _ word: String, _ time: Timestamp) {
            for key in keys[outcome.number] ?? [] {
                guard outcome.components?.contains(key.component) ?? true,
                    let index = told[key]?.lastIndex(where: { $0.number == outcome.number })
                else { continue }
                told[key]?[index].outcome = word
                told[key]?[index].settled = time
                told[key]?[index].status = outcome.status
                told[key]?[index].note = outcome.note
            }
        }
        do throws(DiskError) {
            let disk = try POSIXDisk(path: context.configuration.dataDirectory)
            _ = try Book.read(disk) { entry in
                switch entry.decision {
                case .submissionIntended(let intent):
                    for item in intent.items where rows.contains(intent.key(item.component)) {
                        let key = intent.key(item.component)
                        keys[intent.number, default: []].append(key)
                        told[key, default: []].append(
                            Explanation.Told(
                                number: intent.number,
                                intended: entry.time,
                                total: item.total,
                                amount: item.amount,
                                position: intent.position
                            )
                        )
                    }
                case .submissionConfirmed(let outcome): settle(outcome, "confirmed", entry.time)
                case .submissionRefused(let outcome): settle(outcome, "refused", entry.time)
                case .submissionUnknown(let outcome): settle(outcome, "unknown", entry.time)
                default: break
                }
            }
        } catch {
            throw .unavailable("The book could not be read: \(error).")
        }
        return told
    }
}

extension UsageTotal {
    fileprivate mutating func add(_ other: UsageTotal) {
        sum &+= other.sum
        count &+= other.count
    }
}
