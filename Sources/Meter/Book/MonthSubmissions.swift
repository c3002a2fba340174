/// What was told in one month, by resource: a change copies little of it, and one resource's are found at once.
package struct MonthSubmissions: Sendable {
    package typealias Element = (key: SubmissionKey, value: SubmissionStanding)

    private var resources = PiecewiseDictionary<ResourceKey, [SubmissionKey: SubmissionStanding]>()

    package init() {}

    package var isEmpty: Bool { resources.isEmpty }

    package var keys: some Collection<SubmissionKey> { resources.values.lazy.flatMap(\.keys) }

    package var values: some Collection<SubmissionStanding> {
        resources.values.lazy.flatMap(\.values)
    }

    /// Every row of a resource of which anything was told.
    package subscript(resource: ResourceKey) -> [SubmissionKey: SubmissionStanding] {
        resources[resource] ?? [:]
    }

    package internal(set) subscript(key: SubmissionKey) -> SubmissionStanding? {
        get { resources[key.resourceKey]?[key] }
        _modify { yield &resources[key.resourceKey, default: [:]][key] }
    }
}

extension MonthSubmissions: Sequence {
    /// Every row, in no order.
    package func makeIterator() -> some IteratorProtocol<Element> {
        resources.values.lazy.joined().lazy.map { (key: $0.key, value: $0.value) }.makeIterator()
    }
}
