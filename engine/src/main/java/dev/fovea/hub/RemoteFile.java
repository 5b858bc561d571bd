package dev.fovea.hub;

import dev.fovea.HubException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;

/**
 * A file of a model on the server.
 *
 * @param name its name in the model's repository
 * @param commit the commit that the revision stands for
 * @param etag names the content: the SHA-256 of large files, the Git object id (SHA-1) of small
 *     ones, on other servers anything
 * @param size in bytes, or -1 where the server does not say
 * @param uri where it is downloaded
 */
record RemoteFile(String name, String commit, String etag, long size, URI uri) {

  /** Both become names of files here, so a server may not choose just anything. */
  private static final Pattern SAFE = Pattern.compile("[0-9A-Za-z][0-9A-Za-z._+=-]{0,199}");

  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern SHA1 = Pattern.compile("[0-9a-f]{40}");

  RemoteFile {
    if (!SAFE.matcher(commit).matches() || !SAFE.matcher(etag).matches()) {
      throw new HubException(
          uri + ": the server gave commit '" + commit + "' and ETag '" + etag + "', not hashes");
    }
  }

  /** Whether the content of a downloaded file is the one that the ETag names. */
  boolean matches(Path file) throws IOException {
    if (SHA256.matcher(etag).matches()) {
      return etag.equals(hash(file, "SHA-256", ""));
    }
    if (SHA1.matcher(etag).matches()) {
      return etag.equals(hash(file, "SHA-1", "blob " + Files.size(file) + "\0"));
    }
    return true; // Neither kind of hash: only the size could be checked.
  }

  private static String hash(Path file, String algorithm, String header) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has " + algorithm, e);
    }
    digest.update(header.getBytes(StandardCharsets.US_ASCII));
    byte[] buffer = new byte[1 << 20];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
