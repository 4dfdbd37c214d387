<?php
/**
 * Plugin Name: Related posts by recs
 * Description: Shows the related lists that recs wrote to uploads/recs/related.json: below each post, as a block, or by [recs_related].
 * Requires PHP: 7.4
 */

defined( 'ABSPATH' ) || exit;

/** Returns the posts in the list of a post, best first: what is published now, and has no password. */
function recs_related_posts( $post_id ) {
	static $items = null;
	if ( null === $items ) {
		$file     = wp_get_upload_dir()['basedir'] . '/recs/related.json';
		$document = is_readable( $file ) ? json_decode( file_get_contents( $file ), true ) : null;
		$is_ours  = is_array( $document ) && 'recs.related/1' === ( $document['schema'] ?? '' );
		$items    = $is_ours && is_array( $document['items'] ?? null ) ? $document['items'] : array();
	}
	$ids = array_filter( array_map( 'absint', array_column( $items[ $post_id ]['related'] ?? array(), 'id' ) ) );
	if ( ! $ids ) { // WordPress takes an empty list for "all posts".
		return array();
	}
	return get_posts(
		array(
			'post__in'       => $ids,
			'orderby'        => 'post__in',
			'posts_per_page' => count( $ids ),
			'post_type'      => get_post_types( array( 'public' => true ) ),
			'post_status'    => 'publish',
			'has_password'   => false,
		)
	);
}

/** Returns the list of the present post as HTML; '' if it is empty. A title is escaped once, and has no markup. */
function recs_related_html() {
	$entries = '';
	foreach ( recs_related_posts( get_the_ID() ) as $post ) {
		$title    = esc_html( wp_strip_all_tags( get_the_title( $post ) ) );
		$entries .= '<li><a href="' . esc_url( get_permalink( $post ) ) . '">' . $title . '</a></li>';
	}
	$heading = '<h2>' . esc_html__( 'Related' ) . '</h2>';
	return $entries ? '<section class="related">' . $heading . '<ul>' . $entries . '</ul></section>' : '';
}

add_shortcode( 'recs_related', 'recs_related_html' );

add_filter(
	'the_content',
	function ( $content ) {
		$is_page   = is_singular( 'post' ) && in_the_loop() && is_main_query();
		$has_place = has_block( 'recs/related' ) || has_shortcode( get_post()->post_content ?? '', 'recs_related' );
		return $is_page && ! $has_place ? $content . recs_related_html() : $content;
	},
	20 // After shortcodes and blocks, so that nothing changes the list.
);

add_action(
	'init',
	function () {
		register_block_type( 'recs/related', array( 'render_callback' => 'recs_related_html', 'api_version' => 2 ) );
	}
);

add_action(
	'enqueue_block_editor_assets',
	function () {
		wp_register_script( 'recs-related', '', array( 'wp-blocks', 'wp-element', 'wp-block-editor' ), '1', true );
		wp_enqueue_script( 'recs-related' );
		wp_add_inline_script(
			'recs-related',
			'wp.blocks.registerBlockType("recs/related", { apiVersion: 2, title: "Related posts by recs", category: "widgets",
				edit: () => wp.element.createElement("p", wp.blockEditor.useBlockProps(), "Related posts by recs"),
				save: () => null });'
		);
	}
);
