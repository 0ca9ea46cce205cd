// What only Apple's systems have. Not compiled on Linux: it takes Xcode, and has not been compiled here.

#if canImport(Security)
import Foundation
import RapportFFI
import Security

/// Keeps secrets in the Keychain: on this device only, and readable in the background after the first unlock.
public final class KeychainSecretStore: SecretStore {
    private let service: String

    public init(service: String = "app.rapport") { self.service = service }

    private func item(_ name: String) -> [CFString: Any] {
        [kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: name]
    }

    public func get(name: String) throws -> Data? {
        var found: CFTypeRef?
        let status = SecItemCopyMatching(item(name).merging([kSecReturnData: true]) { $1 } as CFDictionary, &found)
        if status == errSecItemNotFound { return nil }
        try check(status)
        return found as? Data
    }

    public func put(name: String, value: Data) throws {
        let values: [CFString: Any] = [kSecValueData: value, kSecAttrAccessible: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly]
        let status = SecItemUpdate(item(name) as CFDictionary, values as CFDictionary)
        if status != errSecItemNotFound { return try check(status) }
        try check(SecItemAdd(item(name).merging(values) { $1 } as CFDictionary, nil))
    }

    public func remove(name: String) throws {
        let status = SecItemDelete(item(name) as CFDictionary)
        if status != errSecItemNotFound { try check(status) }
    }

    private func check(_ status: OSStatus) throws {
        switch status {
        case errSecSuccess: return
        case errSecInteractionNotAllowed: throw SecretError.Locked
        default: throw SecretError.Unavailable(detail: "the Keychain answered \(status)")
        }
    }
}
#endif

#if canImport(ImageIO)
import CoreGraphics
import Foundation
import ImageIO

/// A small picture of a photo, upright, as JPEG: what `attach` takes as `thumbnail`.
public func thumbnail(of photo: URL, longestSide: Int = 320) -> Data? {
    let options: [CFString: Any] = [
        kCGImageSourceCreateThumbnailFromImageAlways: true,
        kCGImageSourceCreateThumbnailWithTransform: true,
        kCGImageSourceThumbnailMaxPixelSize: longestSide,
    ]
    let data = NSMutableData()
    guard let source = CGImageSourceCreateWithURL(photo as CFURL, nil),
        let image = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary),
        let out = CGImageDestinationCreateWithData(data, "public.jpeg" as CFString, 1, nil)
    else { return nil }
    CGImageDestinationAddImage(out, image, [kCGImageDestinationLossyCompressionQuality: 0.7] as CFDictionary)
    return CGImageDestinationFinalize(out) ? data as Data : nil
}
#endif

#if canImport(Observation) && canImport(SwiftUI)
import Observation
import RapportFFI

/// What a status line shows, for SwiftUI: hold it in the view, `follow` in its task.
@available(iOS 17, macOS 14, *)
@MainActor @Observable
public final class ObservableSyncStatus {
    public private(set) var status: SyncStatus?

    public init() {}

    public func follow(_ rapport: Rapport) async throws {
        for try await status in rapport.status { self.status = status }
    }
}
#endif
